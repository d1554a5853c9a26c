"""A storefront on pyoidc (`oic`): discovery, registration by hand, its defaults.

    python authority_pyoidc.py '{"issuer", "id", "secret", "redirect"}'

Prints `visit URL`, reads the URL the browser came back to, and prints `ok WHAT` a check.
"""

import json
import sys

from oic import rndstr
from oic.oic import Client
from oic.oic.message import AuthorizationResponse, RegistrationResponse
from oic.utils.authn.client import CLIENT_AUTHN_METHOD

OPTIONS = json.loads(sys.argv[1])
client = Client(client_authn_method=CLIENT_AUTHN_METHOD)
client.provider_config(OPTIONS["issuer"])
print("ok discovery", flush=True)
client.store_registration_info(
    RegistrationResponse(
        client_id=OPTIONS["id"],
        client_secret=OPTIONS["secret"],
        redirect_uris=[OPTIONS["redirect"]],
        id_token_signed_response_alg="ES256",
    )
)
state, nonce = rndstr(), rndstr()
request = client.construct_AuthorizationRequest(
    request_args={
        "response_type": "code",
        "scope": ["openid", "email", "profile"],
        "state": state,
        "nonce": nonce,
        "redirect_uri": OPTIONS["redirect"],
    }
)
print("visit", request.request(client.authorization_endpoint), flush=True)
back = sys.stdin.readline().strip()
answer = client.parse_response(AuthorizationResponse, info=back.split("?", 1)[1], sformat="urlencoded")
assert answer["state"] == state
tokens = client.do_access_token_request(
    state=state, request_args={"code": answer["code"]}, authn_method="client_secret_basic"
)
assert tokens["id_token"]["nonce"] == nonce
assert tokens["id_token"]["email"] == "ada@example.test"
print("ok login", flush=True)
info = client.do_user_info_request(state=state)
assert info["name"] == "Ada Lovelace", info
print("ok userinfo", flush=True)
