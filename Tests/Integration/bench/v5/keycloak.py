"""A stand-in for Keycloak, with what vantage6 asks of it: keycloak PORT CLIENTS.

CLIENTS is a JSON file: {client id: {"secret": …, "sub": …, "type": "node" or "user"}}. Whoever signs in by a browser is the
first client of type user.
"""
import base64
import json
import sys
import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Flask, request

port, path = sys.argv[1:]
with open(path) as file:
    clients = json.load(file)
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
app = Flask("keycloak")
issuer = f"http://127.0.0.1:{port}/realms/vantage6"


@app.get("/realms/vantage6")
def realm():
    return {"realm": "vantage6", "public_key": base64.b64encode(public).decode()}


@app.get("/realms/vantage6/.well-known/openid-configuration")
def endpoints():
    return {"issuer": issuer, "token_endpoint": f"{issuer}/protocol/openid-connect/token", "authorization_endpoint": f"{issuer}/auth",
            "jwks_uri": f"{issuer}/protocol/openid-connect/certs", "device_authorization_endpoint": f"{issuer}/device"}


@app.get("/realms/vantage6/protocol/openid-connect/certs")
def keys():
    numbers = key.public_key().public_numbers()
    part = lambda n: base64.urlsafe_b64encode(n.to_bytes((n.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()  # noqa: E731
    return {"keys": [{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "bench", "n": part(numbers.n), "e": part(numbers.e)}]}


@app.post("/realms/vantage6/device")
def device():
    return {"device_code": "bench", "user_code": "BENCH", "verification_uri": f"{issuer}/verify", "expires_in": 60, "interval": 1}


@app.post("/realms/vantage6/protocol/openid-connect/token")
def token():
    name = request.authorization.username if request.authorization else request.form["client_id"]
    secret = request.authorization.password if request.authorization else request.form.get("client_secret")
    if request.form["grant_type"] == "client_credentials":
        if name not in clients or clients[name]["secret"] != secret:
            return {"error": "invalid_client"}, 401
    else:
        name = next(name for name, client in clients.items() if client["type"] == "user")
    now = int(time.time())
    claims = {"sub": clients[name]["sub"], "iat": now, "exp": now + 86400, "iss": issuer, "jti": f"{now}", "azp": name,
              "vantage6_client_type": clients[name]["type"], "type": "access", "fresh": False}
    text = jwt.encode(claims, private, algorithm="RS256", headers={"kid": "bench"})
    return {"access_token": text, "refresh_token": text, "expires_in": 86400, "token_type": "Bearer"}


@app.get("/admin/realms/vantage6/users")
def users():
    """HQ looks for the user that administers it."""
    return [{"id": "admin", "username": request.args.get("username")}]


@app.get("/admin/realms/vantage6/users/<name>")
def user(name):
    return {"id": name, "attributes": {}}


app.run("127.0.0.1", int(port), threaded=True)
