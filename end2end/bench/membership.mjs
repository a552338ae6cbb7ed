// membership: add, remove and a rolling restart by the console, against the guide's procedure by shell on the same hosts; and the longest
// gap that a client sees which writes every 20 ms through the members that stay.

import { spawnSync } from "node:child_process";
import { median, report, withConsole } from "../lib/bench.mjs";
import { TOP } from "../lib/console.mjs";
import { MIRROR, addressOf, lab } from "../lib/lab.mjs";

const ROUNDS = Number(process.env.ROUNDS ?? 3);
const STAY = [1, 2, 3], NEW = 4, ALL = [...STAY, NEW];
const put = JSON.stringify({ key: btoa("bench/writer"), value: btoa("x") });
const pause = (millis) => new Promise((resolve) => setTimeout(resolve, millis));

/** Whether a write through a member is taken. */
const write = (number) =>
  fetch(`http://${addressOf(number)}:2379/v3/kv/put`, { method: "POST", body: put, signal: AbortSignal.timeout(1000) }).then((answer) => answer.ok, () => false);

/** Writes every 20 ms while `work` runs, going on to the next member that stays when one refuses. Answers the longest gap in ms. */
async function watched(work) {
  let over = false, longest = 0, last = performance.now(), through = 0;
  const writer = (async () => {
    while (!over) {
      const begun = performance.now();
      if (await write(STAY[through % STAY.length])) {
        longest = Math.max(longest, performance.now() - last);
        last = performance.now();
      } else {
        through += 1;
      }
      await pause(Math.max(0, begun + 20 - performance.now()));
    }
  })();
  await work();
  over = true;
  await writer;
  return Math.max(longest, performance.now() - last);
}

/** Seconds from the start to the end that the console recorded, and the longest gap meanwhile. */
async function byConsole(api, kind, params) {
  let took;
  const gap = await watched(async () => {
    const { summary } = await api.run(kind, params);
    took = (summary.updated_at - summary.started_at) / 1000;
  });
  return { took, gap };
}

function script(name, ...args) {
  const words = [`${TOP}end2end/lab/${name}`, ...args];
  const [program, ...rest] = process.getuid() === 0 ? words : ["sudo", "-n", "env", `LAB_DIR=${process.env.LAB_DIR}`, ...words];
  const begun = performance.now();
  const done = spawnSync(program, rest, { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`${words.join(" ")}: ${done.stderr}`);
  return (performance.now() - begun) / 1000;
}

const ours = { add: [], remove: [], restart: [], lead: [] }, hand = { add: [], remove: [], restart: [] };
lab(["up", ALL.length]);
for (let round = 1; round <= ROUNDS; round += 1) {
  lab(["wipe", ...ALL]);
  await withConsole(ALL, async ({ api, hosts }) => {
    await api.install("bench", hosts.slice(0, 3));
    const { id } = await api.healthy("bench", 3);
    ours.add.push(await byConsole(api, "add_member", { cluster: id, members: [{ host: hosts[3].id }], download_url: MIRROR }));
    let view = await api.healthy("bench", 4);
    const member = (number) => view.members.find((m) => m.name === `lab${number}`).id;
    ours.remove.push(await byConsole(api, "remove_member", { cluster: id, member: member(NEW) }));
    view = await api.healthy("bench", 3);
    ours.lead.push(await byConsole(api, "move_leader", { cluster: id }));
    ours.restart.push(await byConsole(api, "rolling_restart", { cluster: id }));
  });
  lab(["wipe", ...ALL]);
  const cluster = STAY.map((number) => `lab${number}=http://${addressOf(number)}:2380`).join(",");
  script("install-by-hand.sh", "bench", "new", cluster, ...STAY.map(String));
  hand.add.push(script("members-by-hand.sh", "add", String(NEW), STAY.join(" ")));
  hand.remove.push(script("members-by-hand.sh", "remove", String(NEW), STAY.join(" ")));
  hand.restart.push(script("members-by-hand.sh", "restart", STAY.join(" ")));
  const last = (list) => list.at(-1).took?.toFixed(2) ?? list.at(-1).toFixed(2);
  console.log(`membership: round ${round} of ${ROUNDS}: add ${last(ours.add)} s (by hand ${last(hand.add)}), remove ${last(ours.remove)} s (${last(hand.remove)}), restart ${last(ours.restart)} s (${last(hand.restart)})`);
}
const speed = (name, what) => ({
  name, unit: "s", value: median(ours[what].map((one) => one.took)), samples: ROUNDS,
  baseline_name: "by shell", baseline: median(hand[what]), ratio_goal: 1.5,
});
const gap = (name, what, goal) => ({ name, unit: "ms", value: median(ours[what].map((one) => one.gap)), samples: ROUNDS, goal });
report("membership", [
  speed("add a member", "add"),
  speed("remove a follower", "remove"),
  speed("rolling restart of 3", "restart"),
  gap("longest gap: add", "add", 200),
  gap("longest gap: remove a follower", "remove", 200),
  gap("longest gap: move the leader", "lead", 500),
  gap("longest gap: rolling restart", "restart", null),
]);
