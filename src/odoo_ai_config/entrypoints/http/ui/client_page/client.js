import { WORDS } from "./words.js";

const KEY = "odoo-ai-config.key";
const LANGUAGE = "odoo-ai-config.language";
const HISTORY_PAGE = 20;
const MESSAGES = 50;

const hub = new URL(document.body.dataset.hub, location.href);
const main = document.getElementById("main");
const forget = document.getElementById("forget");
const language = document.getElementById("language");
const place = location.pathname.match(/\/ui\/clients\/([^/]+)\/([^/]+)\/?$/);
let words;

// Children are nodes or texts. A text is never markup, whatever somebody called a client.
function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

const paragraph = (text) => element("p", {}, text);
const section = (title, ...children) => element("section", {}, element("h2", {}, title), ...children);

class Refusal extends Error {}

async function ask(path, as = "json") {
  let answer;
  try {
    answer = await fetch(new URL(path, hub), {
      headers: { "X-API-Key": sessionStorage.getItem(KEY), "Accept-Language": document.documentElement.lang },
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
    });
  } catch {
    throw new Refusal(words.unreachable);
  }
  try {
    if (answer.ok) return await answer[as]();
    throw refusal(await answer.json());
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal(words.unexpected);
  }
}

function refusal(problem) {
  if (problem.code === "invalid_api_key") {
    sessionStorage.removeItem(KEY);
    return new Refusal(words.wrongKey);
  }
  if (problem.code === "scope_missing") return new Refusal(`${words.missingScope} ${problem.scope}.`);
  if (problem.code === "tenant_forbidden") return new Refusal(words.otherTenant);
  if (problem.code === "app_not_served") return new Refusal(words.notServed);
  return new Refusal(problem.detail ?? words.unexpected);
}

// What `load` makes, or in words why there is nothing.
async function loaded(load) {
  try {
    return await load();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return element("p", { class: "refusal", role: "alert" }, error.message);
  }
}

// Closed at first; what is in it is asked for when somebody opens it.
function unfolding(summary, load) {
  const details = element("details", {}, element("summary", {}, ...[summary].flat()));
  details.addEventListener("toggle", async () => details.append(await loaded(load)), { once: true });
  return details;
}

function moment(text) {
  const shown = new Date(text).toLocaleString(document.documentElement.lang, {
    dateStyle: "short",
    timeStyle: "medium",
  });
  return element("time", { datetime: text }, shown);
}

function table(columns, rows) {
  const head = columns.map((column) => element("th", { scope: "col" }, column));
  const body = rows.map((row) =>
    // On a narrow screen each cell says what it is, for there is no head.
    element(
      "tr",
      {},
      ...row.map((cell, n) =>
        element("td", { "data-column": columns[n] }, element("span", {}, ...[cell].flat())),
      ),
    ),
  );
  return element(
    "table",
    {},
    element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...body),
  );
}

function clientAddress(tenant, domain) {
  return new URL(`ui/clients/${encodeURIComponent(tenant)}/${encodeURIComponent(domain)}`, hub).href;
}

async function clients(after = "") {
  const page = await ask(`v1/tenants?limit=200&after=${encodeURIComponent(after)}`);
  const links = page.tenants.flatMap((tenant) =>
    tenant.domains.map(({ domain }) =>
      element("li", {}, element("a", { href: clientAddress(tenant.tenant_id, domain) }, `${tenant.tenant_id} / ${domain}`)),
    ),
  );
  const shown = element("div", {}, links.length ? element("ul", {}, ...links) : paragraph(words.noClients));
  if (page.next !== null) shown.append(more(words.moreClients, () => clients(page.next)));
  return shown;
}

function more(label, load) {
  return element("button", {
    type: "button",
    click: async (event) => event.target.replaceWith(await loaded(load)),
  }, label);
}

async function client(tenant, domain) {
  const path = (...parts) => [tenant, ...parts].map(encodeURIComponent).join("/");
  const documents = await ask(`configs/${path()}?domain=${encodeURIComponent(domain)}`);
  if (!documents.length) return paragraph(words.unknownClient);
  const has = (kind) => documents.some((found) => found.config_type === kind);
  const config = has("config") ? await ask(`configs/${path(domain, "config")}`) : { json_data: {} };
  const shown = element("div", {}, element("h1", {}, config.json_data.name ?? tenant));
  shown.append(element("p", { class: "quiet" }, `${tenant} / ${domain}`));
  shown.append(section(words.documents, ...documents.map((found) => documentShown(path, found))));
  shown.append(section(words.channels, await loaded(() => channels(path, domain))));
  shown.append(section(words.messages, await loaded(() => messages(tenant, domain))));
  return shown;
}

function documentShown(path, { domain, config_type: kind, version, updated_at: at }) {
  const address = `configs/${path(domain, kind)}`;
  return element(
    "article",
    {},
    element("h3", {}, kind, element("span", { class: "quiet" }, ` ${words.version} ${version}, `, moment(at))),
    unfolding(words.content, () => content(address, kind)),
    unfolding(words.history, () => history(address)),
  );
}

async function content(address, kind) {
  const text = element("pre", { tabindex: "0" }, await ask(`${address}/yaml`, "text"));
  return kind === "credentials" ? element("div", {}, paragraph(words.sealed), text) : text;
}

async function history(address, before = "") {
  const entries = await ask(`${address}/history?limit=${HISTORY_PAGE}${before && `&before=${before}`}`);
  const shown = element("div", { class: "history" });
  for (const { version, updated_at: at, author, deleted } of entries) {
    const summary = [`${words.version} ${version}, `, moment(at), ` ${words.by} ${author}`];
    if (deleted) shown.append(element("p", {}, ...summary, `: ${words.deleted}`));
    else shown.append(unfolding(summary, () => difference(`${address}/diff?to=${version}`)));
  }
  if (entries.length === HISTORY_PAGE) shown.append(more(words.older, () => history(address, entries.at(-1).version)));
  return shown;
}

async function difference(address) {
  const { unified_diff: text, unified_diff_omitted: omitted } = await ask(address);
  if (omitted) return paragraph(words.tooLarge);
  if (!text) return paragraph(words.noChanges);
  const kinds = { "+": "ins", "-": "del" };
  // The first two lines name files that there are not.
  const lines = text.trimEnd().split("\n").slice(2).map((line) => element(kinds[line[0]] ?? "span", {}, `${line}\n`));
  return element("pre", { tabindex: "0" }, ...lines);
}

async function channels(path, domain) {
  const found = (await ask(`v1/tenants/${path("channels")}`)).channels.filter((one) => one.domain === domain);
  if (!found.length) return paragraph(words.noChannels);
  return table(
    [words.account, words.inbox, words.state, words.fallback, words.numbers, words.count, words.changed],
    found.map((one) => [
      one.chatwoot_account_id ?? "–",
      one.chatwoot_inbox_id ?? words.allInboxes,
      one.active ? words.on : words.off,
      one.is_fallback ? `${words.sequence} ${one.sequence}` : words.no,
      one.special_whatsapp_numbers.map(({ number, crew }) => `+${number} → ${crew}`).join(", ") || "–",
      `${one.version}`,
      [moment(one.updated_at), ` ${words.by} ${one.author}`],
    ]),
  );
}

// Why it has this stage, and what happened to its answer in Chatwoot.
function reasons(one) {
  const told = [one.why ?? one.reason];
  if (one.part_of) told.push(one.part_of);
  if (one.withheld && one.stage !== "done") told.push(words.asNote);
  if (one.refused.length) told.push(`${words.refused} ${one.refused.join(", ")}`);
  return told.filter(Boolean).join("; ");
}

async function messages(tenant, domain) {
  const page = await ask(`v1/messages?limit=${MESSAGES}&tenant=${encodeURIComponent(tenant)}`);
  const found = page.messages.filter((one) => one.domain === domain);
  if (!found.length) return paragraph(words.noMessages);
  return table(
    [words.received, words.stage, words.why, words.account, words.inbox, words.conversation, words.crew, words.attempts],
    found.map((one) => [
      moment(one.received_at),
      words.stages[one.stage] ?? one.stage,
      reasons(one) || "–",
      one.account_id ?? "–",
      one.inbox_id ?? "–",
      one.conversation_id ?? "–",
      one.crew ?? "–",
      `${one.attempts}`,
    ]),
  );
}

function questionForKey(reason) {
  const field = element("input", {
    id: "key", type: "password", autocomplete: "off", spellcheck: "false", required: "", "aria-describedby": "why",
  });
  const form = element("form", {
    submit: (event) => {
      event.preventDefault();
      const key = field.value.trim();
      // Nothing else can stand in a header of HTTP.
      if (!/^[!-~]+$/.test(key)) return main.replaceChildren(questionForKey(words.wrongKey));
      sessionStorage.setItem(KEY, key);
      return show();
    },
  });
  form.append(element("label", { for: "key" }, words.askTitle), field);
  form.append(element("p", { id: "why", class: "quiet" }, words.askWhy));
  if (reason) form.append(element("p", { class: "refusal", role: "alert" }, reason));
  form.append(element("button", { type: "submit" }, words.show));
  return form;
}

async function show() {
  words = WORDS[document.documentElement.lang];
  language.textContent = words.otherLanguage;
  forget.textContent = words.forget;
  const known = sessionStorage.getItem(KEY) !== null;
  forget.hidden = !known;
  if (!known) return main.replaceChildren(questionForKey());
  main.replaceChildren(paragraph(words.reading));
  const shown = await loaded(async () =>
    place
      ? client(...place.slice(1).map(decodeURIComponent))
      : element("div", {}, element("h1", {}, words.clients), await clients()),
  );
  if (sessionStorage.getItem(KEY) !== null) return main.replaceChildren(shown);
  // It was not accepted.
  forget.hidden = true;
  return main.replaceChildren(questionForKey(words.wrongKey));
}

language.addEventListener("click", () => {
  document.documentElement.lang = document.documentElement.lang === "en" ? "pt-BR" : "en";
  sessionStorage.setItem(LANGUAGE, document.documentElement.lang);
  show();
});
forget.addEventListener("click", () => {
  sessionStorage.removeItem(KEY);
  show();
});
document.documentElement.lang = sessionStorage.getItem(LANGUAGE) ?? document.documentElement.lang;
show();
