// An etcd of its own on loopback, and the programs that fill it, as the benchmarks and the journey of a million keys use them.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { TOP, anyPort, until } from "./console.mjs";

const VERSION = "3.5.16";
const TARGET = process.env.CARGO_TARGET_DIR ?? `${TOP}target`;

/** Runs a program to its end and answers what it printed; throws with what it complained about. */
export function run(program, args) {
  const done = spawnSync(program, args, { encoding: "utf8", cwd: TOP, maxBuffer: 64 << 20 });
  if (done.status !== 0) throw new Error(`${program} ${args.join(" ")}: ${done.stderr || done.error || `exit ${done.status}`}`);
  return done.stdout;
}

/** Where etcd and etcdctl are: unpacked once from the lab's mirror, as the tests do. */
export function etcdBinaries() {
  if (process.env.QUORATE_ETCD_BIN_DIR) return process.env.QUORATE_ETCD_BIN_DIR;
  const home = `${TARGET}/etcd/${VERSION}`;
  if (!existsSync(`${home}/etcdctl`)) {
    const arch = process.arch === "arm64" ? "arm64" : "amd64";
    const archive = `${process.env.LAB_DIR ?? "/var/lib/quorate-lab"}/cache/mirror/v${VERSION}/etcd-v${VERSION}-linux-${arch}.tar.gz`;
    mkdirSync(home, { recursive: true });
    run("tar", ["--strip-components=1", "--no-same-owner", "-xzf", archive, "-C", home]);
  }
  return home;
}

/** Starts a cluster, of one member unless told; `client` is the URL of its leader, `stop` ends it and removes its data. `flags` are more of etcd's. */
export async function startEtcd({ size = 1, flags = [] } = {}) {
  const dir = mkdtempSync(`${tmpdir()}/quorate-etcd-`);
  const members = [];
  for (let n = 0; n < size; n += 1) {
    members.push({ name: `member${n}`, client: `http://127.0.0.1:${await anyPort()}`, peer: `http://127.0.0.1:${await anyPort()}` });
  }
  const all = members.map(({ name, peer }) => `${name}=${peer}`).join(",");
  const children = members.map(({ name, client, peer }) => spawn(`${etcdBinaries()}/etcd`, [
    "--name", name, "--data-dir", `${dir}/${name}`, "--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer,
    "--initial-advertise-peer-urls", peer, "--initial-cluster", all, "--quota-backend-bytes", String(8 * 2 ** 30), "--log-level", "error", ...flags,
  ], { stdio: "ignore" }));
  const ended = Promise.all(children.map((child) => new Promise((resolve) => child.once("exit", resolve))));
  for (const { client } of members) await until("etcd", 60, () => fetch(`${client}/health`).then((answer) => answer.ok, () => false));
  const endpoints = members.map(({ client }) => client).join(",");
  const told = JSON.parse(run(`${etcdBinaries()}/etcdctl`, ["--endpoints", endpoints, "endpoint", "status", "-w", "json"]));
  const leads = told.findIndex(({ Status }) => Status.leader === Status.header.member_id);
  return {
    client: members[leads].client, pid: children[leads].pid,
    async stop() {
      for (const child of children) child.kill("SIGKILL");
      await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Builds programs of server/crates/keys/examples in a profile, `dev` or `release`; answers how one is run, which answers its JSON. */
export function examples(profile, names) {
  run("cargo", ["build", "--profile", profile, ...names.flatMap((name) => ["--example", name])]);
  const folder = `${TARGET}/${profile === "dev" ? "debug" : profile}/examples`;
  return (name, ...args) => {
    const child = spawn(`${folder}/${name}`, args.map(String), { stdio: ["ignore", "pipe", "pipe"] });
    let out = "", err = "";
    child.stdout.on("data", (text) => (out += text));
    child.stderr.on("data", (text) => (err += text));
    return new Promise((resolve, reject) =>
      child.on("close", (code) => (code === 0 ? resolve(JSON.parse(out)) : reject(new Error(`${name} ${args.join(" ")}: ${err}`)))));
  };
}
