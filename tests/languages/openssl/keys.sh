# SPDX-License-Identifier: MIT
# Keys, certificates, signatures, and TLS between s_server and s_client over a socket of AF_UNIX.
cd /tmp || exit
openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out ca.key 2>/dev/null ||
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out ca.key
openssl req -x509 -new -key ca.key -days 3650 -subj /CN=authority -out ca.pem
openssl genpkey -algorithm ED25519 -out own.key
openssl req -new -key own.key -subj /CN=own -out own.csr
openssl x509 -req -in own.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -out own.pem 2>/dev/null
openssl verify -CAfile ca.pem own.pem
openssl verify own.pem >/dev/null 2>&1
echo "without its authority: $?"
openssl x509 -in own.pem -noout -subject -issuer
openssl genrsa -out rsa.key 1024 2>/dev/null
echo "to be signed" >text
openssl dgst -sha256 -sign rsa.key -out signature text
openssl rsa -in rsa.key -pubout -out rsa.pub 2>/dev/null
openssl dgst -sha256 -verify rsa.pub -signature signature text
echo "changed" >>text
openssl dgst -sha256 -verify rsa.pub -signature signature text 2>/dev/null
echo "changed: $?"
true >answer
openssl s_server -quiet -unix /tmp/tls.socket -cert own.pem -key own.key -naccept 1 -rev >server.log 2>&1 &
until [ -S /tmp/tls.socket ]; do sleep 0.1; done
{
    echo "over the wire"
    until grep -q eriw answer; do sleep 0.1; done
} | openssl s_client -quiet -no_ign_eof -unix /tmp/tls.socket -CAfile ca.pem -verify_return_error >answer 2>client.log
echo "client: $?"
cat answer
grep -c "verify return:1" client.log
wait
echo "server: $?"
