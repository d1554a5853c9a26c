"""An OAuth 2.0 and OpenID Connect server made with Authlib and Flask.

    python authlib_server.py '{"redirect_uri": "http://127.0.0.1:8081/callback/acme/authlib"}'

Prints `ready ORIGIN` once it serves. Its login page is a form with one field;
posting it is consent. Codes need PKCE and count once.
"""

import json
import logging
import os
import sys
import threading
import time

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

from authlib.integrations.flask_oauth2 import (  # noqa: E402
    AuthorizationServer,
    ResourceProtector,
    current_token,
)
from authlib.oauth2 import OAuth2Error  # noqa: E402
from authlib.oauth2.rfc6749 import ClientMixin, grants  # noqa: E402
from authlib.oauth2.rfc6750 import BearerTokenValidator  # noqa: E402
from authlib.oauth2.rfc7636 import CodeChallenge  # noqa: E402
from authlib.oidc.core import OpenIDCode, UserInfo  # noqa: E402
from flask import Flask, jsonify, request  # noqa: E402
from joserfc.jwk import ECKey  # noqa: E402
from werkzeug.serving import make_server  # noqa: E402

OPTIONS = json.loads(sys.argv[1])
KEY = ECKey.generate_key("P-256", parameters={"kid": "authlib-1", "use": "sig", "alg": "ES256"})
CLIENT_ID, CLIENT_SECRET = "shop", "shop-secret"

app = Flask(__name__)
app.config["OAUTH2_JWT_ENABLED"] = True
codes, tokens = {}, {}
lock = threading.Lock()


class Client(ClientMixin):
    client_id = CLIENT_ID

    def get_client_id(self):
        return CLIENT_ID

    def get_default_redirect_uri(self):
        return None

    def get_allowed_scope(self, scope):
        return scope

    def check_redirect_uri(self, redirect_uri):
        return redirect_uri == OPTIONS["redirect_uri"]

    def check_client_secret(self, client_secret):
        return client_secret == CLIENT_SECRET

    def check_endpoint_auth_method(self, method, endpoint):
        return method in ("client_secret_basic", "client_secret_post")

    def check_response_type(self, response_type):
        return response_type == "code"

    def check_grant_type(self, grant_type):
        return grant_type == "authorization_code"


class User:
    def __init__(self, name):
        self.name = name

    def get_user_id(self):
        return self.name

    def claims(self):
        return UserInfo(
            sub=self.name,
            name=self.name.capitalize(),
            email=f"{self.name}@example.test",
            email_verified=True,
        )


class Code:
    def __init__(self, code, user, payload, data):
        self.code, self.user = code, user
        self.redirect_uri, self.scope = payload.redirect_uri, payload.scope
        self.nonce = data.get("nonce")
        self.code_challenge = data.get("code_challenge")
        self.code_challenge_method = data.get("code_challenge_method")
        self.auth_time = int(time.time())

    def get_redirect_uri(self):
        return self.redirect_uri

    def get_scope(self):
        return self.scope

    def get_nonce(self):
        return self.nonce

    def get_auth_time(self):
        return self.auth_time

    def get_acr(self):
        return None

    def get_amr(self):
        return None


class CodeGrant(grants.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]

    def save_authorization_code(self, code, request):
        with lock:
            codes[code] = Code(code, request.user, request.payload, request.payload.data)

    def query_authorization_code(self, code, client):
        return codes.get(code)

    def delete_authorization_code(self, authorization_code):
        with lock:
            codes.pop(authorization_code.code, None)

    def authenticate_user(self, authorization_code):
        return authorization_code.user


class IdToken(OpenIDCode):
    def exists_nonce(self, nonce, request):
        return any(code.nonce == nonce for code in codes.values())

    def resolve_client_private_key(self, client):
        return KEY

    def get_client_algorithm(self, client):
        return "ES256"

    def get_client_claims(self, client):
        return {"iss": origin()}

    def get_jwt_config(self, grant=None, client=None):
        return {"key": KEY, "alg": "ES256", "iss": origin(), "exp": 300}

    def generate_user_info(self, user, scope):
        return user.claims()


class Token(dict):
    def is_expired(self):
        return False

    def is_revoked(self):
        return False

    def get_scope(self):
        return self.get("scope", "")


class Validator(BearerTokenValidator):
    def authenticate_token(self, token_string):
        return tokens.get(token_string)


def save_token(token, request):
    tokens[token["access_token"]] = Token(token, user=request.user)


server = AuthorizationServer(
    app,
    query_client=lambda client_id: Client() if client_id == CLIENT_ID else None,
    save_token=save_token,
)
server.register_grant(CodeGrant, [IdToken(require_nonce=False), CodeChallenge(required=True)])
protected = ResourceProtector()
protected.register_token_validator(Validator())


def origin():
    return f"http://127.0.0.1:{http.server_port}"


@app.get("/.well-known/openid-configuration")
def discovery():
    return jsonify(
        issuer=origin(),
        authorization_endpoint=f"{origin()}/authorize",
        token_endpoint=f"{origin()}/token",
        userinfo_endpoint=f"{origin()}/me",
        jwks_uri=f"{origin()}/jwks",
        response_types_supported=["code"],
        subject_types_supported=["public"],
        id_token_signing_alg_values_supported=["ES256"],
    )


@app.get("/jwks")
def jwks():
    return jsonify(keys=[KEY.as_dict(private=False)])


@app.route("/authorize", methods=["GET", "POST"])
def authorize():
    if request.method == "GET":
        try:
            server.get_consent_grant(end_user=None)
        except OAuth2Error as error:
            return server.handle_error_response(None, error)
        return '<form method="post" action=""><input name="user" value=""><button>Go</button></form>'
    grant = server.get_consent_grant(end_user=User(request.form["user"]))
    return server.create_authorization_response(grant_user=User(request.form["user"]), grant=grant)


@app.post("/token")
def token():
    return server.create_token_response()


@app.get("/me")
@protected("profile")
def me():
    return jsonify(current_token["user"].claims())


logging.getLogger("werkzeug").setLevel(logging.ERROR)
http = make_server("127.0.0.1", 0, app, threaded=True)
print(f"ready {origin()}", flush=True)
http.serve_forever()
