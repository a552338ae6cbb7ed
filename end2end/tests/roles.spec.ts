// Journeys: what viewers, operators and admins see and may do; and how a user comes to be.
import { expect, refusal, test, ROLES, type Role } from "./fixtures";
import { fillLogin, hydrated, logIn, open, shots } from "./steps";

/** Which of the buttons and links that change something each role is offered. */
const OFFERED: Record<string, Role[]> = {
  "Install a cluster": ["admin"],
  "Add hosts": ["admin"],
  "Check now": ["operator", "admin"],
  "Edit": ["admin"],
  "Forget…": ["admin"],
  "Forget cluster…": ["admin"],
  "Audit": ["operator", "admin"],
  "Users": ["admin"],
};

for (const role of ROLES) {
  test(`a ${role} is offered what a ${role} may do`, async ({ page, console: server, cluster }) => {
    await logIn(page, server.logins[role]);
    const offered = new Set<string>();
    for (const [path, heading] of [
      ["/", "Clusters"], ["/hosts", "Hosts"], [`/hosts/${cluster.hosts[0].id}`, cluster.hosts[0].name],
      [`/clusters/${cluster.id}`, cluster.name], ["/settings", "Settings"],
    ]) {
      await open(page, path);
      await expect(page.getByRole("heading", { level: 1, name: heading, exact: true })).toBeVisible();
      for (const name of Object.keys(OFFERED)) {
        const there = page.getByRole("button", { name, exact: true }).or(page.getByRole("link", { name, exact: true }));
        if ((await there.count()) > 0) offered.add(name);
      }
    }
    expect([...offered].sort()).toEqual(Object.keys(OFFERED).filter((name) => OFFERED[name].includes(role)).sort());
  });
}

test("what a page hides the server refuses: a viewer's own requests answer 403", async ({ page, console: server, cluster }) => {
  await logIn(page, server.logins.viewer);
  const host = cluster.hosts[0].id;
  const requests: [string, object][] = [
    ["add_hosts", { hosts: [{ target: "ops@10.77.0.19:22", name: "x" }], sudo_password: null }],
    ["check_host", { id: host }], ["forget_host", { id: host }], ["trust_host", { id: host, fingerprints: [] }],
    ["forget_cluster", { id: cluster.id }], ["audit", { before: null }], ["users", {}],
    ["invite_user", { name: "eve", role: "admin" }], ["plan", { plan: { kind: "install_cluster", params: {} } }],
    ["steer", { id: cluster.operation, choice: "retry" }],
  ];
  for (const [name, data] of requests) {
    const answer = await page.request.post(`${server.url}/rpc/${name}`, { data, headers: { origin: server.url } });
    expect([name, answer.status()]).toEqual([name, 403]);
  }
  const direct: [string, string, object?][] = [
    ["POST", "/hosts", { hosts: [{ target: "ops@10.77.0.19:22", name: "x" }] }], ["DELETE", `/clusters/${cluster.id}`],
    ["DELETE", `/hosts/${host}`], ["GET", "/audit"], ["GET", "/users"], ["POST", "/plans", { kind: "install_cluster", params: {} }],
  ];
  for (const [method, path, body] of direct) {
    const status = await server.apis.viewer.call(method, path, body).then(() => 200, (error: { status: number }) => error.status);
    expect([method, path, status]).toEqual([method, path, 403]);
  }
  // A request of another site is refused, whoever is logged in.
  const foreign = await page.request.post(`${server.url}/rpc/logout`, { data: {}, headers: { origin: "https://evil.example", "sec-fetch-site": "cross-site" } });
  expect(foreign.status()).toBe(403);
  await open(page, `/clusters/${cluster.id}`);
  await expect(page.getByRole("heading", { level: 1, name: cluster.name })).toBeVisible();
});

test("a page that a role may not see says so", async ({ page, console: server, expectedTrouble }) => {
  expectedTrouble.push(...refusal(403, "/audit"), ...refusal(403, "/settings/users"));
  await logIn(page, server.logins.viewer);
  for (const path of ["/audit", "/settings/users"]) {
    await open(page, path);
    await expect(page.getByRole("heading", { name: "Not allowed" })).toBeVisible();
  }
});

test("an admin invites a user, who chooses a password with the one-time link", async ({ page, browser, console: server, expectedTrouble }) => {
  expectedTrouble.push(...refusal(401, "/rpc/"), ...refusal(403, "/rpc/"));
  const name = `invited-${Date.now() % 1e6}`;
  await logIn(page, server.logins.admin);
  await open(page, "/settings/users");
  const form = page.getByRole("region", { name: "Invite a user" });
  await form.getByLabel("Name").fill(name);
  await form.getByLabel("Role").selectOption("operator");
  await form.getByRole("button", { name: "Invite" }).click();
  const asked = page.getByRole("dialog", { name: "Your password again" });
  const dialog = page.getByRole("dialog", { name: "One-time link" });
  await expect(asked.or(dialog).filter({ visible: true })).toBeVisible();
  if (await asked.isVisible()) {
    await asked.getByLabel("Password", { exact: true }).fill(server.logins.admin.password);
    await asked.getByRole("button", { name: "Go on" }).click();
  }
  const link = await dialog.locator("code").innerText();
  await shots(page, "invite");
  await dialog.getByRole("button", { name: "Done" }).click();
  await expect(page.getByRole("row", { name: new RegExp(name) })).toContainText("invited");

  const theirs = await (await browser.newContext()).newPage();
  await theirs.goto(link);
  await hydrated(theirs);
  await theirs.getByLabel("Password", { exact: true }).fill("seven slow rivers bend");
  await theirs.getByRole("button", { name: "Set the password and log in" }).click();
  await expect(theirs.getByRole("heading", { level: 1, name: "Clusters" })).toBeVisible();
  await hydrated(theirs);
  await expect(theirs.getByRole("button", { name: `${name} operator` })).toBeVisible();

  // Disabled: the open page ends, and the login with it.
  await page.getByRole("row", { name: new RegExp(name) }).getByRole("button", { name: "Change" }).click();
  await page.getByRole("dialog", { name: `Change ${name}` }).getByRole("button", { name: "Disable" }).click();
  if (await asked.isVisible()) {
    await asked.getByLabel("Password", { exact: true }).fill(server.logins.admin.password);
    await asked.getByRole("button", { name: "Go on" }).click();
  }
  await expect(page.getByRole("row", { name: new RegExp(name) })).toContainText("disabled");
  await expect(theirs.getByText("Your session ended")).toBeVisible({ timeout: 20_000 });
  await theirs.goto(`${server.url}/login`);
  await hydrated(theirs);
  await fillLogin(theirs, name, "seven slow rivers bend");
  await expect(theirs.getByRole("alert").first()).not.toBeEmpty();
  await theirs.context().close();
});
