import * as oauth from "openid-client";
import { consentAt, projects, report, settings } from "./dialogue.mjs";

const authentication = settings.client_secret
  ? oauth[settings.authentication](settings.client_secret)
  : oauth.None();
const config = await oauth.discovery(new URL(settings.url), settings.client_id, undefined, authentication, {
  algorithm: "oauth2",
  execute: [oauth.allowInsecureRequests], // only because this Workgate is on http
});

// openid-client knows the token types "bearer" and "dpop"; ours is documented as "sessionID".
if (settings.rewrite_token_type) {
  config[oauth.customFetch] = async (url, options) => {
    const response = await fetch(url, options);
    if (url !== config.serverMetadata().token_endpoint || !response.ok) return response;
    return Response.json({ ...(await response.json()), token_type: "bearer" });
  };
}

const code_verifier = oauth.randomPKCECodeVerifier();
const state = oauth.randomState();
const back = await consentAt(
  oauth.buildAuthorizationUrl(config, {
    redirect_uri: settings.redirect_uri,
    code_challenge: await oauth.calculatePKCECodeChallenge(code_verifier),
    code_challenge_method: "S256",
    state,
  }),
);

const exchange = () =>
  oauth.authorizationCodeGrant(config, back, { pkceCodeVerifier: code_verifier, expectedState: state });

if (settings.rewrite_token_type) {
  const first = await exchange();
  const second = await oauth.refreshTokenGrant(config, first.refresh_token);
  const introspect = async () =>
    settings.client_secret ? oauth.tokenIntrospection(config, second.access_token) : null;
  const findings = {
    metadata: config.serverMetadata(),
    first,
    second,
    expires_in: first.expiresIn(),
    with_second: await projects(second.access_token),
    introspected: await introspect(),
  };
  await oauth.tokenRevocation(config, second.refresh_token);
  report({
    ...findings,
    after_revoke: await projects(second.access_token),
    introspected_after_revoke: await introspect(),
  });
} else {
  const failure = await exchange().then(
    () => null,
    (error) => ({ message: error.message, cause: error.cause?.message, body: error.cause?.cause?.body }),
  );
  report({ failure });
}
