// install: from "Run" to done for three fresh hosts, against the guide's procedure as a parallel shell script on the same hosts.

import { spawnSync } from "node:child_process";
import { median, report, withConsole } from "../lib/bench.mjs";
import { TOP } from "../lib/console.mjs";
import { addressOf, lab } from "../lib/lab.mjs";

const ROUNDS = Number(process.env.ROUNDS ?? 5);
const NUMBERS = [1, 2, 3];

/** One install by the console: seconds from the start it recorded to the end it recorded. */
function byConsole() {
  lab(["wipe", ...NUMBERS]);
  return withConsole(NUMBERS, async ({ api, hosts }) => {
    const { summary } = await api.install("bench", hosts);
    return (summary.updated_at - summary.started_at) / 1000;
  });
}

/** One install by the shell script, on the same hosts. */
function byScript() {
  lab(["wipe", ...NUMBERS]);
  const cluster = NUMBERS.map((number) => `lab${number}=http://${addressOf(number)}:2380`).join(",");
  const words = [`${TOP}end2end/lab/install-by-hand.sh`, "bench", "new", cluster, ...NUMBERS.map(String)];
  const [program, ...args] = process.getuid() === 0 ? words : ["sudo", "-n", "env", `LAB_DIR=${process.env.LAB_DIR}`, ...words];
  const begun = performance.now();
  const done = spawnSync(program, args, { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`install-by-hand.sh: ${done.stderr}`);
  return (performance.now() - begun) / 1000;
}

const ours = [], script = [];
for (let round = 1; round <= ROUNDS; round += 1) {
  ours.push(await byConsole());
  script.push(byScript());
  console.log(`install: round ${round} of ${ROUNDS}: console ${ours.at(-1).toFixed(2)} s, script ${script.at(-1).toFixed(2)} s`);
}
report("install", [{
  name: "install of 3 members", unit: "s", value: median(ours), samples: ROUNDS,
  baseline_name: "parallel shell script", baseline: median(script), ratio_goal: 1.2,
}]);
