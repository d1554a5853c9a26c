
resource "grafana_sso_settings" "acme" {
  provider_name = "generic_oauth"
  oauth2_settings {
    name          = "Acme"
    auth_url      = "https://id.acme.test/authorize"
    token_url     = "https://id.acme.test/token"
    api_url       = "https://id.acme.test/userinfo"
    client_id     = "grafana"
    client_secret = var.acme_secret
    scopes        = "openid,email"
  }
}
