// The lab's hosts as the demo, the browser journeys and the benchmarks use them. lab.sh does the work; this only calls it, as root.

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("../lab/lab.sh", import.meta.url));
const DIR = process.env.LAB_DIR ?? "/var/lib/quorate-lab";

/** Base of the download URL of the lab's etcd releases. */
export const MIRROR = "http://10.77.0.1:8000";

/** Address of lab host `number`. */
export const addressOf = (number) => `10.77.0.1${number}`;

function command(args) {
  // The scripts behind `make` name the owner; sudo would drop it.
  const env = [`LAB_DIR=${DIR}`, ...(process.env.LAB_OWNER ? [`LAB_OWNER=${process.env.LAB_OWNER}`] : [])];
  const words = ["env", ...env, SCRIPT, ...args.map(String)];
  return process.getuid() === 0 ? words : ["sudo", "-n", ...words];
}

/** Runs a lab.sh command and returns its output; throws with what it said when it fails. */
export function lab(args, input) {
  const [program, ...rest] = command(args);
  const done = spawnSync(program, rest, { input, encoding: "utf8" });
  if (done.status !== 0) throw new Error(`lab.sh ${args.join(" ")}: ${done.stderr || done.error || `exit ${done.status}`}`);
  return done.stdout;
}

/** The same without blocking this process (a browser or an event stream goes on meanwhile). */
export function labAsync(args) {
  const [program, ...rest] = command(args);
  const child = spawn(program, rest, { stdio: ["ignore", "pipe", "pipe"] });
  let out = "", err = "";
  child.stdout.on("data", (text) => (out += text));
  child.stderr.on("data", (text) => (err += text));
  return new Promise((resolve, reject) =>
    child.on("close", (code) => (code === 0 ? resolve(out) : reject(new Error(`lab.sh ${args.join(" ")}: ${err}`)))));
}

/** Runs a shell script on a host, without ssh. */
export const onHost = (number, script, input) => lab(["exec", number, "sh", "-c", script], input);

/** Lets a public key log in to all logins of the hosts. */
export function authorize(numbers, publicKey) {
  const script = 'key=$(cat); for home in /root /home/ops /home/opspw /home/guest; do grep -qxF "$key" $home/.ssh/authorized_keys || printf "%s\\n" "$key" >>$home/.ssh/authorized_keys; done';
  for (const number of numbers) onHost(number, script, publicKey.trim());
}

const LEASES = `${tmpdir()}/quorate-lab-leases`;

/** The lines of a host's public keys, as the lab knows them. */
function hostKeys(number) {
  const mine = `${addressOf(number)} `;
  return readFileSync(`${DIR}/known_hosts`, "utf8").split("\n").filter((line) => line.startsWith(mine)).map((line) => line.slice(mine.length));
}

/** Notes, as testkit's leases do, that the disks of these hosts are used, so that the next Rust test wipes them first. */
export function noteUsed(numbers) {
  for (const number of numbers) writeFileSync(`${LEASES}/host${number}.used`, hostKeys(number).join("\n"));
}

/**
 * Holds hosts with the locks that testkit's leases take, so that nobody else uses them meanwhile. Answers the function that gives
 * them back; the end of this process does, too.
 */
export async function lease(numbers) {
  mkdirSync(LEASES, { recursive: true });
  const held = [];
  for (const number of numbers) {
    const holder = spawn("flock", ["-w", "300", `${LEASES}/host${number}.lock`, "sh", "-c", "echo held; cat"], { stdio: ["pipe", "pipe", "inherit"] });
    held.push(holder);
    await new Promise((resolve, reject) => {
      holder.stdout.once("data", resolve);
      holder.once("exit", () => reject(new Error(`lab${number} was not given back by another test in 300 s`)));
    });
  }
  noteUsed(numbers);
  return () => held.forEach((holder) => holder.stdin.end());
}

/** SHA256 fingerprints of a host's keys, straight from the lab, as a person would read them on the host. */
export function fingerprints(number) {
  return hostKeys(number).map((line) => `SHA256:${createHash("sha256").update(Buffer.from(line.split(" ")[1], "base64")).digest("base64").replace(/=+$/, "")}`);
}

/** One word for the identity of these hosts: changes when any of them is made again. */
export function identity(numbers) {
  try {
    return createHash("sha256").update(numbers.map((number) => fingerprints(number).join()).join("\n")).digest("hex");
  } catch {
    return "no lab";
  }
}
