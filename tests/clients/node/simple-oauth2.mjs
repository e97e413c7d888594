import { AuthorizationCode } from "simple-oauth2";
import { consentAt, projects, report, settings } from "./dialogue.mjs";

const client = new AuthorizationCode({
  client: { id: settings.client_id, secret: settings.client_secret },
  auth: {
    tokenHost: settings.url,
    authorizePath: "/integrations/oauth2/authorize",
    tokenPath: "/integrations/oauth2/api/v1/token",
    revokePath: "/integrations/oauth2/api/v1/revoke",
  },
  options: settings.options,
});

const redirect_uri = settings.redirect_uri;
const back = await consentAt(client.authorizeURL({ redirect_uri, state: "my-state" }));
const first = await client.getToken({ code: back.searchParams.get("code"), redirect_uri });
const withFirst = await projects(first.token.access_token);
const second = await first.refresh();
const withSecond = await projects(second.token.access_token);
await second.revokeAll();

report({
  state: back.searchParams.get("state"),
  first: first.token,
  second: second.token,
  expired: first.expired(),
  with_first: withFirst,
  with_second: withSecond,
  after_revoke: await projects(second.token.access_token),
});
