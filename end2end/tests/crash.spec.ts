// Journey: the console is killed in the middle of an install that somebody watches; the page finds it again and the install ends well.
import { expect, test } from "./fixtures";
import { installParams } from "../lib/console.mjs";
import { expectSameDocument, live, logIn, markDocument, open } from "./steps";

test("an install survives the console's death, on the hosts and on the page", async ({ page, console: server, wipedHosts, expectedTrouble }) => {
  expectedTrouble.push(/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE/);
  const hosts = await server.api.addLabHosts(wipedHosts.map((host) => host.number));
  await logIn(page, server.logins.operator);
  const id = await server.api.begin("install_cluster", installParams("crash", hosts));
  await open(page, `/operations/${id}`);
  await live(page);
  await markDocument(page);
  const states = page.locator(".step-state");
  const running = states.filter({ hasText: /^\s*running\s*$/ });
  await expect(running).toHaveCount(1);
  await server.stop("SIGKILL");
  await expect(page.getByText("connection lost, trying again")).toBeAttached();
  expect((await states.allInnerTexts()).some((state) => state.trim() !== "done"), "it was in the middle").toBe(true);
  await server.start();
  await live(page);
  await expect(page.getByText("Done and verified")).toBeVisible({ timeout: 90_000 });
  await expect(states).toHaveText(new Array(await states.count()).fill("done"));
  await expectSameDocument(page);
  await page.getByRole("link", { name: "To the cluster" }).click();
  await expect(page.locator(".cluster-health")).toHaveText("Healthy: 3 of 3 voters, can lose 1", { timeout: 30_000 });
  const { log } = await server.api.get(`/operations/${id}`);
  const starts = log.filter((entry: { kind: string }) => entry.kind === "started").map((entry: { step: number }) => entry.step);
  expect(new Set(starts).size, "one step at least was begun").toBe(await server.api.get(`/operations/${id}`).then((detail) => detail.summary.steps_total));
});

test("an install goes on when the browser is closed, and a new one shows all of it", async ({ page, context, console: server, wipedHosts }) => {
  const hosts = await server.api.addLabHosts(wipedHosts.map((host) => host.number));
  await logIn(page, server.logins.operator);
  const watching = await context.newPage();
  const id = await server.api.begin("install_cluster", installParams("closed", hosts));
  await watching.goto(`/operations/${id}`);
  await expect(watching.locator(".step-state").filter({ hasText: /^\s*running\s*$/ })).toHaveCount(1);
  await watching.close();
  await server.api.healthy("closed", 3, 120);
  await open(page, `/operations/${id}`);
  await expect(page.getByText("Done and verified")).toBeVisible({ timeout: 60_000 });
  const states = page.locator(".step-state");
  await expect(states).toHaveText(new Array(await states.count()).fill("done"));
  // What was printed while nobody watched is there, too.
  const start = page.locator(".step", { hasText: "Enable and start etcd on the others" }).locator("details.output");
  await start.locator("summary").click();
  for (const host of wipedHosts) await expect(start).toContainText(host.name);
  await expect(start).toContainText("systemctl start --no-block etcd.service");
});
