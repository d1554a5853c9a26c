# A storefront on the gem omniauth_openid_connect, which no one here wrote.
#
#   ruby authority-omniauth.rb '{"issuer", "id", "secret", "port"}'
#
# Prints `ready` when it listens. What the gem does by default is left as it is.

require 'json'
require 'securerandom'
require 'rack'
require 'rack/handler/webrick'
require 'rack/session/cookie'
require 'rack/protection'
require 'omniauth'
require 'omniauth_openid_connect'

settings = JSON.parse(ARGV.fetch(0))
origin = "http://127.0.0.1:#{settings['port']}"
# It asks for discovery over https alone, and this broker is on loopback without TLS.
SWD.url_builder = URI::HTTP
OmniAuth.config.logger = Logger.new(File::NULL)
OmniAuth.config.full_host = origin
# What went wrong is a page; the gem would raise it where RACK_ENV is `development`.
OmniAuth.config.on_failure = proc { |env| OmniAuth::FailureEndpoint.new(env).redirect_to_failure }

shop = proc do |env|
  request = Rack::Request.new(env)
  page = case request.path
         when '/login'
           token = Rack::Protection::AuthenticityToken.token(request.session)
           %(<form method="post" action="/auth/openid_connect"><input name="authenticity_token" value="#{token}"></form>)
         when '/auth/openid_connect/callback'
           told = env['omniauth.auth']
           "orders of #{told.info.name} <#{told.info.email}> #{told.uid} " \
             "#{told.credentials.expires_in} #{told.extra.raw_info['sub']}"
         when '/auth/failure'
           "no login: #{request.params['message']}"
         else
           'out'
         end
  [200, { 'Content-Type' => 'text/html' }, [page]]
end

app = Rack::Builder.new do
  use Rack::Session::Cookie, secret: SecureRandom.hex(64), key: 'shop'
  use OmniAuth::Builder do
    provider :openid_connect,
             scope: %i[openid email profile],
             issuer: settings['issuer'],
             discovery: true,
             post_logout_redirect_uri: origin,
             client_options: {
               identifier: settings['id'],
               secret: settings['secret'],
               redirect_uri: "#{origin}/auth/openid_connect/callback"
             }
  end
  run shop
end

Rack::Handler::WEBrick.run(
  app,
  Host: '127.0.0.1', Port: settings['port'],
  Logger: WEBrick::Log.new(File::NULL), AccessLog: [],
  StartCallback: proc { $stdout.puts('ready'); $stdout.flush }
)
