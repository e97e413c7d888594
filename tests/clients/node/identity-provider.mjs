// An identity provider: oidc-provider with the sign-in and consent pages that it brings along.
//
// It says where it is, one JSON value on a line; then each line that comes in sets it up anew, and is answered:
// clients, people (their claims by the name that they sign in with), and keys that it is to sign with from now on.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Provider } from "oidc-provider";

// What it advises to change for production would come between the lines that the tests read.
console.info = console.warn = () => {};

const write = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
let answer = (request, response) => response.writeHead(503).end();

const server = createServer((request, response) => answer(request, response));
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const issuer = `http://localhost:${server.address().port}`;
write({ issuer });

for await (const line of createInterface({ input: process.stdin })) {
  const { clients, people, jwks } = JSON.parse(line);
  const provider = new Provider(issuer, {
    clients,
    ...(jwks && { jwks }),
    claims: { openid: ["sub"], profile: ["given_name", "family_name", "preferred_username"], email: ["email"] },
    cookies: { keys: ["a key of the tests"] },
    findAccount: async (ctx, id) => people[id] && { accountId: id, claims: async () => ({ sub: id, ...people[id] }) },
  });
  // Its pages ask another site for a font, and tests ask nobody but this machine.
  provider.use(async (ctx, next) => {
    await next();
    if (typeof ctx.body === "string") ctx.body = ctx.body.replace(/@import url\([^)]*\);/, "");
  });
  const respond = provider.callback();
  // Browsers ask for an icon too, and complain if there is none.
  answer = (request, response) =>
    request.url === "/favicon.ico" ? response.writeHead(204).end() : respond(request, response);
  write({ ready: true });
}
server.close();
server.closeAllConnections();
