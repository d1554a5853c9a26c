services.discourse.siteSettings = {
  login = {
    oauth2_enabled = true;
    oauth2_client_id = "forum";
    oauth2_authorize_url = "https://id.acme.test/authorize";
    oauth2_token_url = "https://id.acme.test/token";
    oauth2_token_url_method = "GET";
    oauth2_user_json_url = "https://id.acme.test/me";
    oauth2_user_json_url_method = "POST";
    oauth2_json_user_id_path = "response.user.id";
    oauth2_json_email_path = "response.user.email";
    oauth2_json_user_name_path = "response.user.name"; # a name that does not exist
    oauth2_send_auth_body = false;
    oauth2_button_title = "with Acme";
  };
};
