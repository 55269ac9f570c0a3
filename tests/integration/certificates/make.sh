#!/usr/bin/env bash
# Makes the certificates that the tests of TLS use: an authority, a broker on 127.0.0.1 and a client. They protect
# nothing: their keys are public. Needs openssl; run it again only when something is to change.
set -euo pipefail
cd "$(dirname "$0")"
days=36500

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days $days \
  -subj "/CN=integration-hub test authority" -addext "keyUsage=critical,keyCertSign,cRLSign"

issue() { # name, subject alternative name
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$1"
  openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days $days -out "$1.pem" \
    -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$2")
  rm "$1.csr"
}

issue broker IP:127.0.0.1
issue client DNS:client
openssl pkcs8 -topk8 -in client.key -out client.encrypted.key -passout pass:encrypted
rm -f ca.key ca.srl
