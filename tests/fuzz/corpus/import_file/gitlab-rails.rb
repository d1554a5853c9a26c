use OmniAuth::Builder do
  provider :oauth2_generic,
    ENV['ACME_ID'], ENV['ACME_SECRET'],
    client_options: {
      'site' => 'https://id.acme.test',
      'user_info_url' => '/users/me'
    },
    name: 'acme',
    user_response_structure: { 'id_path' => 'uid', 'attributes' => { 'email' => 'email' } }
end
