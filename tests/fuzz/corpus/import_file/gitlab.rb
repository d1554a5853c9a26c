	gitlab_rails['omniauth_enabled'] = true
gitlab_rails['omniauth_providers'] = [
  {
    name: "oauth2_generic",
    label: "Acme", # on the button
    app_id: "gitlab",
    app_secret: "TOPSECRET-gitlab",
    args: {
      client_options: {
        site: "https://id.acme.test",
        user_info_url: "/me",
        authorize_url: "/oauth/authorize",
        token_url: "https://token.acme.test/token"
      },
      user_response_structure: {
        root_path: ["data", "user"],
        id_path: ["data", "account", "id"],
        attributes: { email: "mail", name: "display_name", nickname: "login", hometown: "x" }
      },
      authorize_params: { scope: "openid profile", prompt: "login" },
      strategy_class: "OmniAuth::Strategies::OAuth2Generic"
    }
  }
]
