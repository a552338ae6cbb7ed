// Quorum is lost: two of three hosts lose power. What is left is read and ranked, a person says that the others are off, and the cluster
// begins again from the survivor; the hosts that come back are fenced.
import { labAsync, onHost } from "../lib/lab.mjs";
import { expect, refusal, test } from "./fixtures";
import { live, logIn, open, reauthenticate, shotsWideAndNarrow } from "./steps";

test("a cluster that lost two of three hosts is rescued from the third", async ({ page, console: server, wipedHosts, expectedTrouble }) => {
  test.setTimeout(600_000);
  expectedTrouble.push(...refusal(403, "/rpc/start"), ...refusal(403, "/rpc/steer"), ...refusal(422, "/rpc/plan"));
  const hosts = await server.api.addLabHosts(wipedHosts.map((host) => host.number));
  await server.api.install("demo", hosts);
  const { id } = await server.api.healthy("demo");
  const [survivor, ...lost] = wipedHosts;
  onHost(survivor.number, "etcdctl put /survives/a 'there'");
  await logIn(page, server.logins.admin);
  await open(page, `/clusters/${id}`);
  await live(page);
  for (const host of lost) await labAsync(["kill", host.number]);
  try {
    await expect(page.locator(".cluster-health")).toHaveText(/^No quorum/, { timeout: 60_000 });
    await expect(page.getByText("Nothing can be written, and nothing be read reliably")).toBeVisible();
    await shotsWideAndNarrow(page, "no-quorum");
    await page.getByRole("link", { name: "Look at what is left…" }).click();
    await expect(page.getByText("No majority comes back from what is reached")).toBeVisible({ timeout: 120_000 });
    const left = page.getByRole("region", { name: "What is left" });
    await expect(left.getByRole("row", { name: new RegExp(survivor.name) })).toContainText("Runs, waits for others");
    for (const host of lost) await expect(left.getByRole("row", { name: new RegExp(host.name) })).toContainText("Host not reached");
    await expect(page.getByRole("radio", { name: new RegExp(`The data of ${survivor.name} with its log`) })).toBeChecked();

    // Nobody goes on without hosts that nobody vouches for.
    await page.getByRole("button", { name: "Review the plan" }).click();
    await expect(page.getByText("Each host that is not reached must be off or cut off before this can begin")).toBeVisible();
    for (const host of lost) await page.getByRole("checkbox", { name: new RegExp(`${host.name} is off`) }).check();
    await shotsWideAndNarrow(page, "rescue");
    await page.getByRole("button", { name: "Review the plan" }).click();
    await expect(page.getByRole("heading", { level: 2, name: /^Rescue demo from / })).toBeVisible({ timeout: 120_000 });
    await shotsWideAndNarrow(page, "rescue-plan");
    await page.getByLabel("Name", { exact: true }).fill("demo");
    await page.getByRole("button", { name: "Rescue", exact: true }).click();
    await reauthenticate(page, server.logins.admin.password);
    await expect(page.getByText("It waits for a person")).toBeVisible({ timeout: 240_000 });
    await page.getByRole("button", { name: "Open to clients" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Open to clients" }).click();
    await expect(page.getByText("Done and verified")).toBeVisible({ timeout: 120_000 });
    expect(onHost(survivor.number, "etcdctl get --print-value-only /survives/a")).toContain("there");
    await page.getByRole("link", { name: "To the cluster" }).click();
    await live(page);
    for (const host of lost) await expect(page.getByText(`Not fenced: the old etcd on ${host.name} serves old data`)).toBeVisible();
    await shotsWideAndNarrow(page, "not-fenced");
  } finally {
    for (const host of lost) await labAsync(["start", host.number]);
  }
  // Both come back together, and neither brings the old cluster back.
  for (const host of lost) await expect(page.getByText(`Not fenced: the old etcd on ${host.name}`)).toHaveCount(0, { timeout: 180_000 });
  for (const host of lost) expect(onHost(host.number, "systemctl is-enabled etcd || true").trim()).toBe("disabled");
});
