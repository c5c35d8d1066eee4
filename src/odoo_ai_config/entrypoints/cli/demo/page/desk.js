import { WORDS } from "./words.js";

const PAUSE = 700;
const LANGUAGE = "odoo-ai-config.language";
// The customer is a Brazilian, and so is the crew.
const PHRASES = ["Qual o horário?", "Quanto custa?", "Pense devagar", "Quero falar com uma pessoa"];
const main = document.getElementById("main");
const language = document.getElementById("language");
let words;
let seen;

// Children are nodes or texts. A text is never markup, whatever somebody writes.
function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

const find = (id) => document.getElementById(id);
const button = (label, click, more = {}) => element("button", { type: "button", click, ...more }, label);
const saying = (text) => button(text, () => act("customer_writes", text));
const acting = (does) => button(words[does], () => act(does), { id: does });

async function act(does, text = "") {
  const body = JSON.stringify({ text });
  await fetch(`act/${does}`, { method: "POST", headers: { "Content-Type": "application/json" }, body }).catch(() => {});
  await look();
}

// *acts*: what one can do with the text. Enter does the first.
function writing(id, acts, ...more) {
  const field = element("input", { id, maxlength: 4096, autocomplete: "off" });
  const write = (does) => {
    const text = field.value;
    field.value = "";
    if (text.trim()) act(does, text);
  };
  const submit = (event) => {
    event.preventDefault();
    write(acts[0]);
  };
  return element(
    "form",
    { submit },
    element("label", { for: id }, words[id]),
    field,
    ...acts.map((does, n) =>
      n ? button(words[does], () => write(does), { id: does }) : element("button", { type: "submit" }, words[does]),
    ),
    ...more,
  );
}

function side(id, form, ...above) {
  const list = element("ol", { id: `${id}-messages`, "aria-live": "polite" });
  return element("section", { id }, element("h2", {}, words[id]), ...above, list, form);
}

function build() {
  words = WORDS[document.documentElement.lang];
  language.textContent = words.otherLanguage;
  const phrases = [...PHRASES.map(saying), ...["customer_speaks", "customer_sends_place"].map(acting)];
  const over = ["person_takes_over", "person_gives_back", "person_resolves"].map(acting);
  main.replaceChildren(
    element("p", { id: "ended", class: "refusal", role: "alert", hidden: "" }, words.ended),
    side("phone", writing("say", ["customer_writes"], element("p", {}, ...phrases))),
    side(
      "desk",
      writing("answer", ["person_replies", "person_notes"]),
      element("dl", { id: "state" }),
      element("p", {}, ...over),
    ),
  );
  seen = undefined;
}

function bubble(message, ...more) {
  const files = (message.attachments ?? []).map(
    (file) => `${words.files[file.file_type] ?? words.files.file}: ${file.transcribed_text ?? file.fallback_title}`,
  );
  const kind = `${message.from === "customer" ? "customer" : "us"} ${message.note ? "note" : ""}`;
  const texts = [message.text, ...files].filter(Boolean).map((text) => element("span", {}, text));
  return element("li", { class: kind }, ...texts, ...more);
}

const onPhone = (message) => bubble(message, ...(message.choices ?? []).map(({ title }) => saying(title)));

function onDesk(message) {
  const who = message.from === "customer" ? words.customer : message.from;
  const by = element("small", {}, message.note ? `${who}, ${words.note}` : who);
  if (!message.hub) return bubble(message, by);
  const did = [message.hub.stage, message.hub.reason].filter(Boolean).join(", ");
  return bubble(message, by, element("small", { class: "verdict" }, `hub: ${did}`));
}

function fill(id, messages) {
  const list = find(`${id}-messages`);
  list.replaceChildren(...messages);
  list.scrollTop = list.scrollHeight;
}

function show({ status, assignee, labels, typing, messages }) {
  const state = { status: words.statuses[status], assignee: assignee ?? "—", labels: labels.join(", ") || "—" };
  find("state").replaceChildren(
    ...Object.entries(state).map(([name, value]) =>
      element("div", {}, element("dt", {}, words[name]), element("dd", { id: name }, value)),
    ),
  );
  const more = typing ? [element("li", { class: "us" }, words.typing)] : [];
  fill("phone", [...messages.filter((message) => !message.note).map(onPhone), ...more]);
  fill("desk", messages.map(onDesk));
}

async function look() {
  const answer = await fetch("conversation", { cache: "no-store" }).catch(() => ({ ok: false }));
  const text = answer.ok ? await answer.text() : seen;
  find("ended").hidden = answer.ok;
  if (text === seen) return;
  seen = text;
  show(JSON.parse(text));
}

language.addEventListener("click", () => {
  document.documentElement.lang = document.documentElement.lang === "en" ? "pt-BR" : "en";
  sessionStorage.setItem(LANGUAGE, document.documentElement.lang);
  build();
  look();
});
document.documentElement.lang = sessionStorage.getItem(LANGUAGE) ?? document.documentElement.lang;
build();
look();
setInterval(look, PAUSE);
