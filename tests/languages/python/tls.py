# SPDX-License-Identifier: MIT
# ssl: a certificate by the openssl command, handshakes between two threads over a socket pair; hashes and random bytes.
import hashlib
import hmac
import os
import secrets
import socket
import ssl
import subprocess
import threading

subprocess.run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=slipway.test "
               "-addext subjectAltName=DNS:slipway.test -keyout /tmp/key.pem -out /tmp/cert.pem", shell=True, check=True,
               stderr=subprocess.DEVNULL)


def handshake(version, name, data):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain("/tmp/cert.pem", "/tmp/key.pem")
    client = ssl.create_default_context(cafile="/tmp/cert.pem")
    client.minimum_version = client.maximum_version = version
    ours, theirs = socket.socketpair()
    problem = []

    def serve():
        try:
            with server.wrap_socket(theirs, server_side=True) as connection:
                while some := connection.recv(65536):
                    connection.sendall(some[::-1])
                connection.unwrap()
        except (ssl.SSLError, OSError) as error:
            problem.append(error.reason if isinstance(error, ssl.SSLError) else str(error))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(ours, server_hostname=name) as connection:
            received = 0
            for start in range(0, len(data), 10000):
                piece = data[start:start + 10000]
                connection.sendall(piece)
                back = b""
                while len(back) < len(piece):
                    back += connection.recv(65536)
                received += back == piece[::-1]
            print(connection.version(), connection.getpeercert()["subject"][0][0], received)
            connection.unwrap().close()
    except ssl.SSLCertVerificationError as error:
        print("refused:", error.verify_message)
        ours.close()
    thread.join()
    print("server:", problem)


handshake(ssl.TLSVersion.TLSv1_3, "slipway.test", os.urandom(200000))
handshake(ssl.TLSVersion.TLSv1_2, "slipway.test", os.urandom(200000))
handshake(ssl.TLSVersion.TLSv1_3, "other.test", b"")
print("sha256:", hashlib.sha256(b"slipway" * 100000).hexdigest()[:16], hashlib.sha3_256(b"slipway").hexdigest()[:16])
print("hmac:", hmac.new(b"key", b"message", "sha512").hexdigest()[:16])
print("scrypt:", hashlib.scrypt(b"password", salt=b"salt", n=256, r=8, p=1).hex()[:16])
print("random:", len(secrets.token_bytes(32)), secrets.token_hex(16) != secrets.token_hex(16), ssl.RAND_status())
