// Restores from the browser: in place, with a way back until clients are let in; and into a new cluster on other hosts.
import { MIRROR, onHost } from "../lib/lab.mjs";
import { expect, refusal, test } from "./fixtures";
import { live, logIn, open, reauthenticate, shotsWideAndNarrow, takeSnapshot } from "./steps";

test("deleted keys come back by a restore in place, which waits for a person before clients are let in", async ({ page, console: server, wipedHosts, expectedTrouble }) => {
  test.setTimeout(420_000);
  // The password is asked for again.
  expectedTrouble.push(...refusal(403, "/rpc/start"), ...refusal(403, "/rpc/steer"));
  const hosts = await server.api.addLabHosts(wipedHosts.map((host) => host.number));
  await server.api.install("demo", hosts);
  const { id } = await server.api.healthy("demo");
  const etcdctl = (quoted: string) => onHost(wipedHosts[0].number, `etcdctl ${quoted}`);
  etcdctl("put /precious/a 'there'");
  const snapshot = await takeSnapshot(server.api, id);
  etcdctl("del --prefix /precious/");
  await logIn(page, server.logins.admin);
  await open(page, `/snapshots/${snapshot.id}`);
  await live(page);
  await page.getByRole("link", { name: "Restore…" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Restore in place" })).toBeVisible();
  await expect(page.getByRole("radio", { name: snapshot.name })).toBeChecked();
  await expect(page.getByText(/^Everything written after .* is lost: \d+ revisions\.$/)).toBeVisible();
  await expect(page.getByText("This is an outage")).toBeVisible();
  await shotsWideAndNarrow(page, "restore-in-place");

  // A number of one's own is judged at its field.
  await page.getByRole("radio", { name: "Raise them by a number of your own" }).check();
  await page.getByLabel("Revisions to add").fill("0");
  await page.getByRole("button", { name: "Review the plan" }).click();
  await expect(page.getByText("Say how many, or choose not to raise them")).toBeVisible();
  await page.getByRole("radio", { name: "Raise them by what can have been written since" }).check();

  // Once with the way back, once to the end.
  const begin = async (password?: string) => {
    await page.getByRole("button", { name: "Review the plan" }).click();
    await expect(page.getByRole("heading", { level: 2, name: `Restore demo from ${snapshot.name}` })).toBeVisible({ timeout: 60_000 });
    await expect(page.getByText("It waits here until a person presses “Open to clients”")).toBeVisible();
    await expect(page.getByRole("button", { name: "Restore", exact: true })).toBeDisabled();
    if (password) await shotsWideAndNarrow(page, "restore-in-place-plan");
    await page.getByLabel("Name", { exact: true }).fill("demo");
    await page.getByRole("button", { name: "Restore", exact: true }).click();
    if (password) await reauthenticate(page, password);
    await expect(page.getByText("It waits for a person")).toBeVisible({ timeout: 180_000 });
  };
  await begin(server.logins.admin.password);
  await shotsWideAndNarrow(page, "restore-waits");
  await page.getByRole("button", { name: "Undo everything" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Undo everything" }).click();
  await expect(page.getByRole("main").getByRole("status").getByText("Undone", { exact: true })).toBeVisible({ timeout: 120_000 });
  await server.api.healthy("demo", 3, 60);
  expect(etcdctl("get --prefix --keys-only /precious/").trim()).toBe("");

  await open(page, `/clusters/${id}/restore?snapshot=${snapshot.id}`);
  await begin();
  await page.getByRole("button", { name: "Open to clients" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Open to clients" }).click();
  await expect(page.getByText("Done and verified")).toBeVisible({ timeout: 120_000 });
  await server.api.healthy("demo", 3, 60);
  expect(etcdctl("get --print-value-only /precious/a")).toContain("there");
});

test("a snapshot becomes a new cluster beside the one it is of", async ({ page, console: server, wipedHosts, expectedTrouble }) => {
  expectedTrouble.push(...refusal(403, "/rpc/start"), ...refusal(422, "/rpc/plan"));
  const hosts = await server.api.addLabHosts(wipedHosts.map((host) => host.number));
  await server.api.install("demo", hosts.slice(0, 1));
  const { id } = await server.api.healthy("demo", 1);
  onHost(wipedHosts[0].number, "etcdctl put /moved/a 'there'");
  const snapshot = await takeSnapshot(server.api, id);
  await logIn(page, server.logins.admin);
  await open(page, `/snapshots/${snapshot.id}`);
  await page.getByRole("link", { name: "To a new cluster…" }).click();
  await expect(page.getByLabel("Cluster name")).toHaveValue("demo-restored");
  await expect(page.getByRole("radio", { name: "Do not raise them" })).toBeChecked();
  await page.getByRole("checkbox", { name: wipedHosts[1].name }).check();
  await page.getByLabel("Download URL").fill(MIRROR);
  await shotsWideAndNarrow(page, "restore-new");
  // Problems of the install stand at its fields.
  await page.getByLabel("Cluster name").fill("demo");
  await page.getByRole("button", { name: "Review the plan" }).click();
  await expect(page.locator("#field-name-error")).not.toHaveText("", { timeout: 60_000 });
  await page.getByLabel("Cluster name").fill("demo-restored");
  await page.getByRole("button", { name: "Review the plan" }).click();
  await expect(page.getByRole("heading", { level: 2, name: `Restore ${snapshot.name} into the new cluster demo-restored` })).toBeVisible({ timeout: 60_000 });
  await page.getByRole("button", { name: "Restore", exact: true }).click();
  await reauthenticate(page, server.logins.admin.password);
  await expect(page.getByText("Done and verified")).toBeVisible({ timeout: 180_000 });
  await server.api.healthy("demo-restored", 1, 60);
  expect(onHost(wipedHosts[1].number, "etcdctl get --print-value-only /moved/a")).toContain("there");
  await server.api.healthy("demo", 1);
});
