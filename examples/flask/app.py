"""A storefront whose shoppers log in by Vestibule: Flask and Authlib.

    AUTHORITY=https://login.platform.test CLIENT_ID=… CLIENT_SECRET=… ./start

Three settings; the rest is discovered. Register these addresses with the
application: http://127.0.0.1:5000/callback to come back to after a login, and
http://127.0.0.1:5000/ after a logout.
"""

import os
import secrets
from html import escape
from urllib.parse import urlencode

from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, request, session

AUTHORITY = os.environ["AUTHORITY"].rstrip("/")
HOST = "127.0.0.1"
PORT = int(os.environ.get("PORT", "5000"))
ORIGIN = os.environ.get("ORIGIN", f"http://{HOST}:{PORT}")

app = Flask(__name__)
# Kept over restarts where SESSION_KEY is set.
app.secret_key = os.environ.get("SESSION_KEY") or secrets.token_bytes(32)
app.config.update(SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax")

vestibule = OAuth(app).register(
    "vestibule",
    client_id=os.environ["CLIENT_ID"],
    client_secret=os.environ["CLIENT_SECRET"],
    server_metadata_url=f"{AUTHORITY}/.well-known/openid-configuration",
    client_kwargs={
        "scope": "openid profile email",
        "code_challenge_method": "S256",
    },
)


@app.get("/")
def home():
    user = session.get("user")
    if user is None:
        return '<h1>Shop</h1><a href="/login">Log in</a>'
    name = escape(user.get("name") or user["email"])
    return f'<h1>Hello, {name}</h1><form method="post" action="/logout"><button>Log out</button></form>'


@app.get("/login")
def login():
    return vestibule.authorize_redirect(f"{ORIGIN}/callback")


@app.get("/callback")
def callback():
    try:
        token = vestibule.authorize_access_token()
    except OAuthError as error:
        return f"<h1>Not logged in</h1><p>{escape(error.error or '')}</p>", 400
    session.clear()
    claims = token["userinfo"]
    session["user"] = {key: claims.get(key) for key in ("sub", "email", "name")}
    session["id_token"] = token["id_token"]
    return redirect("/")


@app.post("/logout")
def logout():
    if request.headers.get("Origin", ORIGIN) != ORIGIN:
        return "a logout comes from a page of the shop", 403
    hint = session.get("id_token")
    session.clear()
    query = {"post_logout_redirect_uri": f"{ORIGIN}/", "client_id": vestibule.client_id}
    if hint:
        query["id_token_hint"] = hint
    end = vestibule.load_server_metadata()["end_session_endpoint"]
    return redirect(f"{end}?{urlencode(query)}", code=303)


if __name__ == "__main__":
    print(f"ready {ORIGIN}", flush=True)
    app.run(HOST, PORT)
