// demo.mjs DATA_DIR [--check] - raises the demo on lab hosts that are up: account, hosts, cluster; then stays in the foreground.
// The data belongs to its hosts: when these were made again (or the set-up did not get to its end), all is made anew.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Api, addUser, createToken, freePort, newPassword, startConsole } from "../lib/console.mjs";
import { check } from "./check.mjs";
import { identity, lab, onHost } from "../lib/lab.mjs";

const [home, mode] = process.argv.slice(2);
const NUMBERS = [1, 2, 3, 4, 5];
const data = `${home}/data`;
const loginFile = `${home}/login.json`;
const started = Date.now();
const say = (text) => console.log(`demo: ${text}`);
const seconds = () => `${((Date.now() - started) / 1000).toFixed(1)} s`;

/** The login of a demo that was set up on exactly these hosts. */
function keptLogin() {
  if (!existsSync(loginFile)) return undefined;
  const login = JSON.parse(readFileSync(loginFile, "utf8"));
  return login.hosts === identity(NUMBERS) && existsSync(data) ? login : undefined;
}

function freshLogin() {
  const used = NUMBERS.some((number) => onHost(number, "ls /usr/bin/etcd 2>/dev/null || true") !== "");
  if (existsSync(home) || used) {
    say("hosts and data do not belong together any more: making both anew");
    rmSync(home, { recursive: true, force: true });
    lab(["wipe", ...NUMBERS]);
  }
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const login = { name: "admin", password: newPassword() };
  addUser(data, login.name, "admin", login.password);
  return { ...login, token: createToken(data, "demo", "admin") };
}

async function setUp(api, login) {
  say("registering five hosts");
  const hosts = await api.addLabHosts(NUMBERS);
  say("installing etcd 3.5.16 on lab1, lab2 and lab3 by the console's install operation");
  await api.install("demo", hosts.slice(0, 3), {}, { onStep: (step, at) => say(`  ${at.steps_done + 1}/${at.steps_total} ${step}`) });
  const view = await api.healthy("demo");
  say(`cluster demo has ${view.members.length} members`);
  // Written last: a set-up that was cut short is made again.
  writeFileSync(loginFile, JSON.stringify({ ...login, hosts: identity(NUMBERS) }), { mode: 0o600 });
}

const kept = keptLogin();
const login = kept ?? freshLogin();
const server = await startConsole({
  dataDir: data,
  port: await freePort(3000),
  args: ["--etcd-download-url", "http://10.77.0.1:8000"],
});
let leaving = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, async () => {
    leaving = true;
    await server.stop();
    process.exit(0);
  });
}

try {
  const api = new Api(server.url, login.token);
  if (!kept) await setUp(api, login);
  if (mode === "--check") {
    await check(api, server.url, login);
  } else {
    say(`ready in ${seconds()}\n\n  ${server.url}\n  user      ${login.name}\n  password  ${login.password}\n
  (kept in ${loginFile}; Ctrl-C stops the console, the hosts stay; make demo-down removes all)\n`);
    await server.ended;
    if (!leaving) throw new Error("the console ended by itself");
  }
} catch (error) {
  if (!leaving) {
    console.error(`demo: ${error.message}`);
    process.exitCode = 1;
  }
} finally {
  await server.stop();
}
