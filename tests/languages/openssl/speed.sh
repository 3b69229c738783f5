# SPDX-License-Identifier: MIT
# openssl speed ends its loops by SIGALRM and counts CPU time by times(2): a figure above zero and below the sky for each.
figures() {
    awk -v name="$1" '$1 == name { for (i = 2; i <= NF; i++) { sub("k", "", $i); if ($i + 0 > 1 && $i + 0 < 1e8) good++ }; print name, good, "of", NF - 1 }'
}
openssl speed -seconds 1 -bytes 8192 -evp aes-256-gcm 2>/tmp/err | figures AES-256-GCM || cat /tmp/err
openssl speed -seconds 1 -bytes 8192 sha256 2>/tmp/err | figures sha256 || cat /tmp/err
openssl speed -seconds 1 -bytes 8192 -multi 2 -evp sha512 2>/tmp/err | figures sha512 || cat /tmp/err
openssl speed -seconds 1 ecdsap256 2>/tmp/err | awk '/bits ecdsa/ { print $1, $2, $3, ($(NF) > 1 && $(NF - 1) > 1 ? "signed and verified" : $0) }' || cat /tmp/err
openssl speed -elapsed -seconds 1 -bytes 1024 -async_jobs 2 -evp aes-128-cbc 2>/tmp/err | figures AES-128-CBC || cat /tmp/err
