"""Storefronts on Python packages that no one here wrote.

    python authority_clients.py '{"client", "issuer", "id", "secret", "redirect"}'

Prints `visit URL`, reads the URL the browser came back to, and prints `ok WHAT` a check;
fails at the first that does not hold. What a package does by default is left as it is.
"""

import json
import sys
from urllib.parse import parse_qsl, urlsplit

settings = json.loads(sys.argv[1])
issuer, client_id, secret = settings["issuer"], settings["id"], settings["secret"]
redirect = settings["redirect"]


def visit(url):
    print("visit", url, flush=True)
    return sys.stdin.readline().strip()


def is_ada(claims):
    assert claims["email"] == "ada@example.test", claims
    assert claims["name"] == "Ada Lovelace", claims


def pyoidc():
    from oic.oic import Client
    from oic.oic.message import AuthorizationResponse, RegistrationResponse
    from oic.utils.authn.client import CLIENT_AUTHN_METHOD

    client = Client(client_authn_method=CLIENT_AUTHN_METHOD)
    client.provider_config(issuer)
    client.store_registration_info(
        RegistrationResponse(client_id=client_id, client_secret=secret)
    )
    client.redirect_uris = [redirect]
    print("ok discovery", flush=True)
    request = client.construct_AuthorizationRequest(
        request_args={
            "response_type": "code",
            "scope": ["openid", "profile", "email"],
            "redirect_uri": redirect,
            "state": "a state",
            "nonce": "a nonce",
        }
    )
    back = visit(request.request(client.authorization_endpoint))
    answer = client.parse_response(
        AuthorizationResponse, info=urlsplit(back).query, sformat="urlencoded"
    )
    assert answer["state"] == "a state", answer
    tokens = client.do_access_token_request(
        state=answer["state"],
        request_args={"code": answer["code"], "redirect_uri": redirect},
    )
    assert tokens["id_token"]["nonce"] == "a nonce", tokens
    print("ok login", flush=True)
    claims = client.do_user_info_request(state=answer["state"])
    is_ada(claims)
    assert claims["sub"] == tokens["id_token"]["sub"]
    print("ok userinfo", flush=True)


def social():
    from social_core.backends.open_id_connect import OpenIdConnectAuth
    from social_core.storage import AssociationMixin, BaseStorage
    from social_core.strategy import BaseStrategy

    class Kept(AssociationMixin):
        def __init__(self, number, url, association):
            self.id, self.server_url = number, url
            self.handle = association.handle
            self.assoc_type = association.assoc_type
            self.issued, self.lifetime = association.issued, association.lifetime

    class Associations:
        kept = []

        @classmethod
        def store(cls, url, association):
            cls.kept.append(Kept(len(cls.kept) + 1, url, association))

        @classmethod
        def get(cls, server_url=None, handle=None):
            return [
                kept
                for kept in cls.kept
                if kept.handle == handle and kept.server_url == server_url
            ]

        @classmethod
        def remove(cls, ids):
            cls.kept = [kept for kept in cls.kept if kept.id not in ids]

    class Nonces:
        used = set()

        @classmethod
        def use(cls, *nonce):
            first = nonce not in cls.used
            cls.used.add(nonce)
            return first

        @classmethod
        def consume(cls, *nonce):
            known = nonce in cls.used
            cls.used.discard(nonce)
            return known

    class Storage(BaseStorage):
        association = Associations
        nonce = Nonces

    class Strategy(BaseStrategy):
        known = {
            "SOCIAL_AUTH_OIDC_OIDC_ENDPOINT": issuer,
            "SOCIAL_AUTH_OIDC_KEY": client_id,
            "SOCIAL_AUTH_OIDC_SECRET": secret,
        }
        session, data = {}, {}

        def get_setting(self, name):
            return self.known[name]

        def request_data(self, merge=True):
            return self.data

        def session_get(self, name, default=None):
            return self.session.get(name, default)

        def session_set(self, name, value):
            self.session[name] = value

        def session_pop(self, name):
            return self.session.pop(name, None)

        def redirect(self, url):
            return url

        def build_absolute_uri(self, path=None):
            return redirect

        def authenticate(self, backend, *args, **kwargs):
            return kwargs["response"]

    strategy = Strategy(storage=Storage)
    backend = OpenIdConnectAuth(strategy, redirect_uri=redirect)
    back = visit(backend.start())
    print("ok discovery", flush=True)
    Strategy.data = dict(parse_qsl(urlsplit(back).query))
    backend = OpenIdConnectAuth(strategy, redirect_uri=redirect)
    response = backend.complete()
    print("ok login", flush=True)
    is_ada(response)
    assert response["sub"] == backend.id_token["sub"], response
    details = backend.get_user_details(response)
    assert details["email"] == "ada@example.test", details
    print("ok userinfo", flush=True)


def django():
    import os

    import django
    from django.conf import settings as configuration

    path = urlsplit(redirect)
    configuration.configure(
        SECRET_KEY="of this test",
        ALLOWED_HOSTS=[path.netloc],
        ROOT_URLCONF=__name__,
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "mozilla_django_oidc",
        ],
        MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        AUTHENTICATION_BACKENDS=["mozilla_django_oidc.auth.OIDCAuthenticationBackend"],
        OIDC_RP_CLIENT_ID=client_id,
        OIDC_RP_CLIENT_SECRET=secret,
        OIDC_OP_AUTHORIZATION_ENDPOINT=f"{issuer}/connect/authorize",
        OIDC_OP_TOKEN_ENDPOINT=f"{issuer}/connect/token",
        OIDC_OP_USER_ENDPOINT=f"{issuer}/connect/userinfo",
        OIDC_OP_JWKS_ENDPOINT=f"{issuer}/.well-known/jwks.json",
        LOGIN_REDIRECT_URL="/in",
        LOGIN_REDIRECT_URL_FAILURE="/out",
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    )
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    django.setup()
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.test import Client
    from django.urls import path as at
    from mozilla_django_oidc import views

    global urlpatterns
    urlpatterns = [
        at("start", views.OIDCAuthenticationRequestView.as_view(), name="start"),
        at(
            path.path.lstrip("/"),
            views.OIDCAuthenticationCallbackView.as_view(),
            name="oidc_authentication_callback",
        ),
    ]
    call_command("migrate", verbosity=0)
    browser = Client(HTTP_HOST=path.netloc, raise_request_exception=True)
    begun = browser.get("/start", secure=True)
    assert begun.status_code == 302, begun
    back = urlsplit(visit(begun["Location"]))
    done = browser.get(f"{back.path}?{back.query}", secure=True)
    assert (done.status_code, done["Location"]) == (302, "/in"), done
    assert browser.session["_auth_user_id"]
    print("ok login", flush=True)
    (user,) = get_user_model().objects.all()
    assert user.email == "ada@example.test", user
    print("ok userinfo", flush=True)


def session():
    """requests-oauthlib."""
    import os

    from requests_oauthlib import OAuth2Session

    # Else it refuses a token endpoint without TLS, as this test's is.
    os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
    scope = ["openid", "profile", "email", "offline_access"]
    shop = OAuth2Session(client_id, redirect_uri=redirect, scope=scope)
    url, state = shop.authorization_url(f"{issuer}/connect/authorize")
    back = visit(url)
    shop.fetch_token(
        f"{issuer}/connect/token", authorization_response=back, client_secret=secret
    )
    print("ok login", flush=True)
    claims = shop.get(f"{issuer}/connect/userinfo").json()
    is_ada(claims)
    shop.refresh_token(f"{issuer}/connect/token", auth=(client_id, secret))
    assert shop.get(f"{issuer}/connect/userinfo").json() == claims
    print("ok userinfo", flush=True)


def flask():
    """Authlib's client for Flask."""
    from authlib.integrations.flask_client import OAuth
    from flask import Flask

    app = Flask(__name__)
    app.secret_key = "of this test"
    broker = OAuth(app).register(
        "broker",
        client_id=client_id,
        client_secret=secret,
        server_metadata_url=f"{issuer}/.well-known/openid-configuration",
        client_kwargs={"scope": "openid profile email"},
    )
    app.add_url_rule("/start", "start", lambda: broker.authorize_redirect(redirect))
    path = urlsplit(redirect)
    app.add_url_rule(
        path.path, "back", lambda: dict(broker.authorize_access_token()["userinfo"])
    )
    browser, here = app.test_client(), f"{path.scheme}://{path.netloc}"
    begun = browser.get("/start", base_url=here)
    print("ok discovery", flush=True)
    back = urlsplit(visit(begun.headers["Location"]))
    done = browser.get(f"{back.path}?{back.query}", base_url=here)
    assert done.status_code == 200, done.text
    print("ok login", flush=True)
    is_ada(done.json)
    print("ok userinfo", flush=True)


def allauth():
    """django-allauth."""
    import os

    import django
    from django.conf import settings as configuration

    path = urlsplit(redirect)
    configuration.configure(
        SECRET_KEY="of this test",
        ALLOWED_HOSTS=[path.netloc],
        ROOT_URLCONF=__name__,
        SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.messages",
            "allauth",
            "allauth.account",
            "allauth.socialaccount",
            "allauth.socialaccount.providers.openid_connect",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "allauth.account.middleware.AccountMiddleware",
        ],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": ["django.template.context_processors.request"]
                },
            }
        ],
        SOCIALACCOUNT_PROVIDERS={
            "openid_connect": {
                "APPS": [
                    {
                        "provider_id": "broker",
                        "name": "Broker",
                        "client_id": client_id,
                        "secret": secret,
                        "settings": {"server_url": issuer},
                    }
                ]
            }
        },
        EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend",
        LOGIN_REDIRECT_URL="/in",
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    )
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    django.setup()
    from django.core.management import call_command
    from django.test import Client
    from django.urls import include, path as at

    global urlpatterns
    urlpatterns = [at("cb/", include("allauth.urls"))]
    call_command("migrate", verbosity=0)
    browser = Client(
        HTTP_HOST=path.netloc, HTTP_X_FORWARDED_PROTO="https", raise_request_exception=True
    )
    begun = browser.post("/cb/oidc/broker/login/")
    assert begun.status_code == 302, begun
    print("ok discovery", flush=True)
    back = urlsplit(visit(begun["Location"]))
    done = browser.get(f"{back.path}?{back.query}")
    assert (done.status_code, done.get("Location")) == (302, "/in"), done.content
    print("ok login", flush=True)
    from allauth.socialaccount.models import SocialAccount

    (account,) = SocialAccount.objects.all()
    assert account.user.email == "ada@example.test", account.user
    is_ada(account.extra_data["userinfo"])
    assert account.uid == account.extra_data["id_token"]["sub"], account.extra_data
    print("ok userinfo", flush=True)


urlpatterns = []
clients = [pyoidc, social, django, session, flask, allauth]
{client.__name__: client for client in clients}[settings["client"]]()
