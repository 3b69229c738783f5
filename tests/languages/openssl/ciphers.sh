# SPDX-License-Identifier: MIT
cd /tmp || exit
seq 1 100000 >plain
[ "$(openssl rand -hex 16 | wc -c)" = 33 ] && [ "$(openssl rand -hex 16)" != "$(openssl rand -hex 16)" ] && echo "random"
openssl rand 200000 | gzip | wc -c | awk '{ print "incompressible:", ($1 > 200000) }'
for digest in md5 sha1 sha256 sha512 sha3-256 blake2b512; do openssl dgst -r -$digest plain | cut -c1-20 | sed "s/^/$digest /"; done
openssl dgst -sha256 -mac HMAC -macopt hexkey:00ff plain | cut -c 1-50
for cipher in aes-128-cbc aes-256-ctr aria-192-cbc camellia-256-cbc chacha20; do
    openssl enc -$cipher -pbkdf2 -iter 100 -salt -pass pass:secret -in plain -out sealed &&
        openssl enc -d -$cipher -pbkdf2 -iter 100 -pass pass:secret -in sealed | cmp - plain && echo "$cipher: there and back"
done
openssl enc -aes-256-cbc -K 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff -iv 0102030405060708090a0b0c0d0e0f10 -in plain |
    sha256sum | cut -c1-16
openssl enc -d -aes-256-cbc -pbkdf2 -iter 100 -pass pass:wrong -in sealed >/dev/null 2>&1
echo "a wrong password: $?"
openssl base64 -in plain | openssl base64 -d | cmp - plain && echo "base64: there and back"
echo secret | openssl passwd -6 -salt salty -stdin | cut -c1-30
