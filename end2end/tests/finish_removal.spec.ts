// A member whose host is dead leaves; what is left to be done there is shown, and done by the console when the host is back.
import { labAsync, onHost } from "../lib/lab.mjs";
import { expect, refusal, test } from "./fixtures";
import { live, logIn, open, reauthenticate, shotsWideAndNarrow } from "./steps";

test("what a removal leaves on a dead host is shown, and gone once the host is back", async ({ page, console: server, wipedHosts, expectedTrouble }) => {
  // The password is asked for again.
  expectedTrouble.push(...refusal(403, "/rpc/start"));
  const hosts = await server.api.addLabHosts(wipedHosts.map((host) => host.number));
  await server.api.install("demo", hosts);
  const { id } = await server.api.healthy("demo");
  await logIn(page, server.logins.admin);
  await open(page, `/clusters/${id}`);
  await live(page);
  const leader = (await page.locator(".cluster-facts").innerText()).match(/^leader (lab\d)/)![1];
  const index = wipedHosts.findIndex((host) => host.name !== leader);
  const dead = wipedHosts[index];
  const note = page.getByText(`When ${dead.name} is back: its etcd is stopped and disabled, its data set aside`);
  await labAsync(["kill", dead.number]);
  try {
    await expect(page.locator(".cluster-health")).toHaveText(/^At risk/, { timeout: 30_000 });
    await page.getByRole("row", { name: dead.name }).getByRole("button", { name: "Change…" }).click();
    await page.getByRole("dialog", { name: `Change ${dead.name}` }).getByRole("link", { name: "Remove" }).click();
    await expect(page.getByText(/Once its host is back, the console stops and disables etcd there/)).toBeVisible({ timeout: 60_000 });
    await page.getByLabel("Name", { exact: true }).fill("demo");
    await page.getByRole("button", { name: "Remove", exact: true }).click();
    await reauthenticate(page, server.logins.admin.password);
    await expect(page.getByText("Done and verified")).toBeVisible({ timeout: 120_000 });
    await page.getByRole("link", { name: "To the cluster" }).click();
    await expect(note).toBeVisible();
    await shotsWideAndNarrow(page, "open-task");
    await open(page, `/hosts/${hosts[index].id}`);
    await expect(note).toBeVisible();
    await page.getByRole("button", { name: "Forget this task…" }).click();
    await expect(page.getByRole("dialog", { name: "Forget this task?" })).toBeVisible();
    await page.getByRole("button", { name: "Keep it" }).click();
  } finally {
    await labAsync(["start", dead.number]);
  }
  await expect(note).toHaveCount(0, { timeout: 120_000 });
  expect(onHost(dead.number, "systemctl is-enabled etcd; ls /var/lib/etcd").trim()).toMatch(/^disabled\naside-\S+$/);
});
