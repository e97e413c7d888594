// The conversation with the test that started us, one JSON value a line: settings come in, the address to consent at
// goes out, the address that the browser was sent back to comes in, and what was found goes out.
import { createInterface } from "node:readline";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

const read = async () => JSON.parse((await lines.next()).value);

const write = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

export const settings = await read();

export const consentAt = async (url) => {
  write({ consent_at: String(url) });
  return new URL(await read());
};

export const projects = async (sessionID) => {
  const answer = await fetch(settings.projects_url, { headers: { sessionID } });
  return answer.status;
};

export const report = (findings) => {
  write({ findings });
  process.stdin.destroy();
};
