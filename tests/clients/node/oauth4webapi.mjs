import * as oauth from "oauth4webapi";
import { consentAt, projects, report, settings } from "./dialogue.mjs";

const insecure = { [oauth.allowInsecureRequests]: true }; // only because this Workgate is on http
const issuer = new URL(settings.url);
const discovered = await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...insecure });
const server = await oauth.processDiscoveryResponse(issuer, discovered);
const client = { client_id: settings.client_id };
const authentication = oauth.None();

// The documented token_type, which this library has to be told of (in lower case).
const recognizedTokenTypes = { sessionid: () => {} };

const code_verifier = oauth.generateRandomCodeVerifier();
const state = oauth.generateRandomState();
const url = new URL(server.authorization_endpoint);
url.search = new URLSearchParams({
  client_id: client.client_id,
  redirect_uri: settings.redirect_uri,
  response_type: "code",
  code_challenge: await oauth.calculatePKCECodeChallenge(code_verifier),
  code_challenge_method: "S256",
  state,
});
const back = oauth.validateAuthResponse(server, client, await consentAt(url), state);
const first = await oauth.processAuthorizationCodeResponse(
  server,
  client,
  await oauth.authorizationCodeGrantRequest(
    server,
    client,
    authentication,
    back,
    settings.redirect_uri,
    code_verifier,
    insecure,
  ),
  { recognizedTokenTypes },
);
const second = await oauth.processRefreshTokenResponse(
  server,
  client,
  await oauth.refreshTokenGrantRequest(server, client, authentication, first.refresh_token, insecure),
  { recognizedTokenTypes },
);
report({ first, second, with_second: await projects(second.access_token) });
