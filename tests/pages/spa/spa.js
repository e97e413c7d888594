// A single page application as its developers would write it: everything that it needs comes by fetch. Tokens are kept
// in memory only, so a reload forgets them; what must survive the way to Workgate and back is in sessionStorage.
import * as oauth from "./oauth4webapi.js";

const settings = await (await fetch("settings.json")).json();
const insecure = { [oauth.allowInsecureRequests]: true }; // only because this Workgate is on http
const recognizedTokenTypes = { sessionid: () => {} }; // the documented token_type, in lower case
const { redirect_uri } = settings;
const client = { client_id: settings.client_id };
const authentication = oauth.None();
let tokens;

const say = (text) => {
  document.querySelector("[role=status]").textContent = text;
};

const discover = async () => {
  const issuer = new URL(settings.url);
  const response = await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...insecure });
  return oauth.processDiscoveryResponse(issuer, response);
};

const connect = async () => {
  const server = await discover();
  const code_verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  sessionStorage.setItem("flow", JSON.stringify({ server, code_verifier, state }));
  const url = new URL(server.authorization_endpoint);
  url.search = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri,
    response_type: "code",
    code_challenge: await oauth.calculatePKCECodeChallenge(code_verifier),
    code_challenge_method: "S256",
    state,
  });
  location.assign(url);
};

const flow = () => JSON.parse(sessionStorage.getItem("flow"));

const comeBack = async () => {
  const { server, code_verifier, state } = flow();
  const back = oauth.validateAuthResponse(server, client, new URL(location.href), state);
  history.replaceState(null, "", "/");
  const response = await oauth.authorizationCodeGrantRequest(
    server,
    client,
    authentication,
    back,
    redirect_uri,
    code_verifier,
    insecure,
  );
  tokens = await oauth.processAuthorizationCodeResponse(server, client, response, { recognizedTokenTypes });
  say("Connected");
};

const list = async () => {
  const url = new URL("/attask/api/v14.0/proj/search?fields=name", settings.url);
  const response = await fetch(url, { headers: { sessionID: tokens.access_token } });
  const { data, error } = await response.json();
  document.querySelector("ul").replaceChildren(
    ...(data ?? []).map(({ name }) => Object.assign(document.createElement("li"), { textContent: name })),
  );
  say(error ? `${response.status}: ${error.message}` : `${data.length} projects`);
};

const refresh = async () => {
  const { server } = flow();
  const before = tokens.refresh_token;
  const response = await oauth.refreshTokenGrantRequest(server, client, authentication, before, insecure);
  tokens = await oauth.processRefreshTokenResponse(server, client, response, { recognizedTokenTypes });
  say(tokens.refresh_token === before ? "The same token" : "Refreshed");
};

const revoke = async () => {
  const { server } = flow();
  const token = tokens.refresh_token;
  await oauth.processRevocationResponse(
    await oauth.revocationRequest(server, client, authentication, token, insecure),
  );
  say("Revoked");
};

// A library's refusal carries what the server said, which a page can read only if the server let it.
const attempt = (action) => action().catch((error) => say(`${error.name}: ${error.error ?? error.message}`));

for (const [id, action] of Object.entries({ connect, list, refresh, revoke })) {
  const button = document.getElementById(id);
  button.addEventListener("click", () => attempt(action));
  button.disabled = false;
}
if (new URLSearchParams(location.search).has("code")) await attempt(comeBack);
