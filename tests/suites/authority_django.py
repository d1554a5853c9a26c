"""A storefront on Django with mozilla-django-oidc or social-auth, on their defaults.

    python authority_django.py '{"with": "mozilla", "issuer", "id", "secret", "origin"}'

Prints `ready` once it serves `/orders`.
"""

import json
import logging
import sys
import tempfile
from urllib.parse import urlsplit

import django
from django.conf import settings

OPTIONS = json.loads(sys.argv[1])
ISSUER, MOZILLA = OPTIONS["issuer"], OPTIONS["with"] == "mozilla"
folder = tempfile.TemporaryDirectory()
apps = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"]
settings.configure(
    DEBUG=False,
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="of the shop",
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[*apps, "mozilla_django_oidc" if MOZILLA else "social_django"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder.name + "/db"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    LOGIN_URL="/oidc/authenticate/" if MOZILLA else "/login/oidc/",
    LOGIN_REDIRECT_URL="/orders",
    AUTHENTICATION_BACKENDS=[
        "mozilla_django_oidc.auth.OIDCAuthenticationBackend"
        if MOZILLA
        else "social_core.backends.open_id_connect.OpenIdConnectAuth"
    ],
    # Of mozilla-django-oidc: endpoints by hand, and what signs, as its documentation says.
    OIDC_RP_CLIENT_ID=OPTIONS["id"],
    OIDC_RP_CLIENT_SECRET=OPTIONS["secret"],
    OIDC_RP_SIGN_ALGO="ES256",
    OIDC_OP_JWKS_ENDPOINT=ISSUER + "/.well-known/jwks.json",
    OIDC_OP_AUTHORIZATION_ENDPOINT=ISSUER + "/connect/authorize",
    OIDC_OP_TOKEN_ENDPOINT=ISSUER + "/connect/token",
    OIDC_OP_USER_ENDPOINT=ISSUER + "/connect/userinfo",
    # Of social-auth: the address whose discovery it reads.
    SOCIAL_AUTH_OIDC_OIDC_ENDPOINT=ISSUER,
    SOCIAL_AUTH_OIDC_KEY=OPTIONS["id"],
    SOCIAL_AUTH_OIDC_SECRET=OPTIONS["secret"],
)
django.setup()
logging.disable(logging.INFO)

from django.contrib.auth.decorators import login_required  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import include, path  # noqa: E402


@login_required
def orders(request):
    return HttpResponse(f"orders of <{request.user.email}>", content_type="text/plain")


urlpatterns = [
    path("orders", orders),
    path("oidc/", include("mozilla_django_oidc.urls"))
    if MOZILLA
    else path("", include("social_django.urls", namespace="social")),
]
call_command("migrate", verbosity=0, run_syncdb=True)
place = urlsplit(OPTIONS["origin"])
server = ThreadedWSGIServer((place.hostname, place.port), WSGIRequestHandler)
server.set_app(get_wsgi_application())
print("ready", flush=True)
server.serve_forever()
