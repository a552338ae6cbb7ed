// live: the leader is killed; from the election, as a 50 ms Status poll beside the console sees it, to the event at a browser's stream.

import { quantile, report, withConsole } from "../lib/bench.mjs";
import { sessionCookie, until } from "../lib/console.mjs";
import { addressOf, lab, labAsync } from "../lib/lab.mjs";
import { listen } from "../lib/sse.mjs";

const ROUNDS = Number(process.env.ROUNDS ?? 20);
const NUMBERS = [1, 2, 3];
const now = () => performance.timeOrigin + performance.now();

/** Whom a member believes to lead, in hex; undefined when it does not answer or knows none. */
async function leaderAt(number) {
  try {
    const signal = AbortSignal.timeout(250);
    const answer = await fetch(`http://${addressOf(number)}:2379/v3/maintenance/status`, { method: "POST", body: "{}", signal });
    const { leader } = await answer.json();
    return leader && leader !== "0" ? BigInt(leader).toString(16) : undefined;
  } catch {
    return undefined;
  }
}

/** The moment at which any member first names another leader than `old`. */
async function election(old, others) {
  for (;;) {
    const round = now();
    const seen = await Promise.any(others.map(async (number) => {
      const leader = await leaderAt(number);
      if (!leader || leader === old) throw new Error("not yet");
      return now();
    })).catch(() => undefined);
    if (seen) return seen;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, round + 50 - now())));
  }
}

lab(["wipe", ...NUMBERS]);
const delays = await withConsole(NUMBERS, async ({ server, api, login, hosts }) => {
  await api.install("live", hosts);
  const stop = new AbortController();
  let heard = () => {};
  const cookie = await sessionCookie(server.url, login.name, login.password);
  const stream = listen(`${server.url}/events`, { cookie }, (message, at) => heard(message, at), stop.signal);
  stream.catch((error) => stop.signal.aborted || console.error(error));
  const found = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const view = await api.healthy("live", 3, 60);
    const leader = view.members.find((member) => member.id === view.leader);
    const number = Number(leader.name.replace("lab", ""));
    const event = new Promise((resolve) => {
      heard = (message, at) => message.type === "cluster" && message.view.leader && message.view.leader !== view.leader && resolve(at);
    });
    const elected = election(view.leader, NUMBERS.filter((other) => other !== number));
    await labAsync(["exec", number, "systemctl", "kill", "-s", "KILL", "etcd"]);
    const [at, shown] = await Promise.all([elected, event]);
    found.push(Math.max(0, shown - at));
    await until("the killed member is back", 60, () => leaderAt(number));
  }
  stop.abort();
  return found;
});
report("live", [
  { name: "election to event, p95", unit: "ms", value: quantile(delays, 0.95), goal: 1000, samples: delays.length },
  { name: "election to event, median", unit: "ms", value: quantile(delays, 0.5), samples: delays.length },
]);
