// What `make demo DEMO_CHECK=1` holds the demo to: facts from the API, the same facts from the hosts themselves, and the page.

import assert from "node:assert/strict";
import { sessionCookie } from "../lib/console.mjs";
import { onHost } from "../lib/lab.mjs";

/** Checks the running demo and prints each fact; throws at the first that is not so. */
export async function check(api, url, login) {
  const fact = (text) => console.log(`  ✔ ${text}`);
  console.log("demo: checking");

  const hosts = await api.list("/hosts");
  assert.deepEqual(hosts.map((host) => host.name).sort(), ["lab1", "lab2", "lab3", "lab4", "lab5"]);
  assert(hosts.every((host) => host.trust.state === "trusted" && host.contact.state === "ok"), "all hosts trusted and answering");
  fact("5 hosts are registered, trusted and answering");

  const view = await api.healthy("demo");
  const leader = view.members.find((member) => member.id === view.leader);
  assert.equal(view.members.length, 3);
  for (const member of view.members) {
    assert.equal(member.role, "voter");
    assert.equal(member.reachability.state, "answering");
    assert.equal(member.status.version, "3.5.16");
  }
  fact(`cluster demo: 3 voters answer with etcd 3.5.16, ${leader.name} leads`);

  const listed = JSON.parse(onHost(1, "etcdctl member list -w json --hex"));
  assert.deepEqual(listed.members.map((m) => m.ID).sort(), view.members.map((m) => m.id).sort());
  fact("etcdctl on lab1 lists the same three members");
  onHost(1, "etcdctl put quorate-demo-check yes");
  for (const number of [1, 2, 3]) {
    assert.match(onHost(number, "etcdctl get --print-value-only quorate-demo-check"), /yes/);
    assert.match(onHost(number, "systemctl is-enabled etcd"), /enabled/);
  }
  onHost(1, "etcdctl del quorate-demo-check");
  fact("a key written on lab1 is read on lab2 and lab3; etcd is enabled on all three");

  const operations = await api.list("/operations");
  assert(operations.some((operation) => operation.kind === "install_cluster" && operation.state === "done"));
  fact("the cluster was made by the console's own operation install_cluster");

  const page = await fetch(`${url}/login`);
  assert.equal(page.status, 200);
  const wasm = await fetch(`${url}/pkg/quorate.wasm`, { headers: { "accept-encoding": "br" } });
  assert.equal(wasm.status, 200);
  assert.equal(wasm.headers.get("content-encoding"), "br");
  await sessionCookie(url, login.name, login.password);
  fact(`the login page answers, its wasm comes compressed, user ${login.name} logs in`);
  assert.equal((await fetch(`${url}/api/v1/hosts`)).status, 401);
  fact("without a token the API answers 401");
}
