// Shows the status that /v1/events sends. All text from the gateway is set as text, never as markup.
"use strict";

const SILENCE_MS = 12000; // The gateway speaks at least every five seconds.
const KINDS = {
  "tillgate.sale.v1": "sale",
  "tillgate.reading.v1": "reading",
  "tillgate.order.v1": "order",
  "tillgate.invoice.v1": "invoice",
};

let status = null;
let heardAt = 0;
let connected = false;
let newestShown = null;

const byId = (id) => document.getElementById(id);

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// Writing the same text again would make a screen reader repeat it.
function say(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text;
}

function state(id, value) {
  byId(id).dataset.state = value;
}

const count = (number) => number.toLocaleString();

function bytes(number) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (number >= 1024 && unit < units.length - 1) {
    number /= 1024;
    unit += 1;
  }
  return `${number.toFixed(number < 10 && unit > 2 ? 1 : 0)} ${units[unit]}`;
}

function span(seconds) {
  seconds = Math.max(0, Math.floor(seconds));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds / 60) % 60)} min`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor((seconds / 3600) % 24)} h`;
}

// The gateway's clock decides what is long ago, not the reader's.
function gatewayNow() {
  return Date.parse(status.now) + (Date.now() - heardAt);
}

function ago(time) {
  return time ? `${span((gatewayNow() - Date.parse(time)) / 1000)} ago` : "none yet";
}

function showHeadline() {
  const { ready, reasons, warnings } = status.readiness;
  const conditions = [...reasons, ...warnings];
  const words = !ready
    ? "Inputs are refused"
    : conditions.length > 0
      ? "Working, but something needs attention"
      : "All is well";
  state("headline", !ready ? "stopped" : conditions.length > 0 ? "attention" : "ok");
  say("headline-words", words);
  const key = JSON.stringify(conditions);
  const list = byId("conditions");
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  list.replaceChildren(
    ...conditions.map(({ message, fix }) => {
      const item = element("li");
      item.append(element("strong", message));
      if (fix) item.append(element("span", fix));
      return item;
    }),
  );
}

function showFigures() {
  const { broker, outbox, quarantine, disk } = status;
  say("broker-state", broker.connected ? "Connected" : "Offline");
  const attempt = broker.next_attempt ? Math.max(0, Date.parse(broker.next_attempt) - gatewayNow()) : null;
  const retry = attempt === null ? "" : ` · next attempt in ${span(attempt / 1000)}`;
  say("broker-note", broker.connected ? broker.url : `${broker.problem || broker.url}${retry}`);
  state("tile-broker", broker.connected ? "ok" : "stopped");

  const { backlog, oldest_seconds: oldest, acknowledged } = outbox;
  say("outbox-backlog", count(backlog));
  const late = backlog > 0 && oldest !== null && oldest > 60;
  const age = backlog > 0 && oldest !== null ? `oldest for ${span(oldest)} · ` : "";
  say("outbox-note", `${age}${count(acknowledged)} delivered`);
  state("tile-outbox", late ? "attention" : "ok");

  say("quarantine", count(quarantine));
  say("quarantine-note", quarantine > 0 ? "look at them: tillgate quarantine list" : "nothing waits for a person");
  state("tile-quarantine", quarantine > 0 ? "attention" : "ok");

  const share = disk.budget > 0 ? disk.used / disk.budget : 0;
  say("disk-share", `${Math.round(share * 100)} %`);
  say("disk-note", `${bytes(disk.used)} of ${bytes(disk.budget)}`);
  byId("disk-meter").value = Math.min(1, share);
  state("tile-disk", share >= 0.9 ? "stopped" : share >= 0.7 ? "attention" : "ok");
}

// What went wrong with a device since the start, in the words of `tillgate status`.
function troubles({ damaged, cut, refused, lost, floods, disconnects }) {
  const counted = { damaged, "cut off": cut, refused, lost, floods, unplugged: disconnects };
  const told = Object.entries(counted).filter(([, times]) => times > 0);
  return told.map(([what, times]) => `${what}: ${count(times)}`).join(" · ");
}

function sourceRow(source) {
  const row = element("tr");
  const name = element("th", source.id, { scope: "row" });
  name.append(element("small", source.kind));
  const shown = element("td", null, { "data-name": "State" });
  const awaited = !source.connected && !source.last_at && source.kind !== "device";
  const side = source.connected ? "up" : awaited ? "awaited" : "down";
  const words = element("div");
  words.append(element("span", source.connected ? "there" : awaited ? "nothing yet" : "not there", { class: "state", "data-state": side }));
  if (source.detail) words.append(element("small", source.detail));
  const trouble = source.device ? troubles(source.device) : "";
  if (trouble) words.append(element("small", trouble));
  shown.append(words);
  const refused = element("td", count(source.quarantined), { class: "number", "data-name": "Quarantined" });
  if (source.quarantined > 0) refused.classList.add("some");
  row.append(
    name,
    shown,
    element("td", count(source.captures), { class: "number", "data-name": "Inputs" }),
    refused,
    element("td", ago(source.last_at), { class: "number", "data-name": "Last input" }),
  );
  return row;
}

function showSources() {
  const others = status.sources.some((source) => !status.lanes.includes(source.lane)) ? [null] : [];
  const rows = [];
  for (const lane of [...status.lanes, ...others]) {
    const ofLane = status.sources.filter((source) =>
      lane === null ? !status.lanes.includes(source.lane) : source.lane === lane,
    );
    const row = element("tr", null, { class: "lane" });
    const title = lane === null ? "Without a lane" : `Lane ${lane}`;
    const note = ofLane.length === 0 ? " · no source is configured" : "";
    row.append(element("th", title + note, { colspan: 5, scope: "rowgroup" }));
    rows.push(row, ...ofLane.map(sourceRow));
  }
  if (rows.length === 0) rows.push(emptyRow(5, "No source is configured: add a [[terminal]], [[device]] or [[partner]]."));
  byId("sources").replaceChildren(...rows);
}

function emptyRow(columns, text) {
  const row = element("tr");
  row.append(element("td", text, { colspan: columns, class: "empty" }));
  return row;
}

function recentRow(record) {
  const row = element("tr");
  if (newestShown !== null && record.sequence > newestShown) row.className = "new";
  const time = element("time", new Date(record.at).toLocaleTimeString(), { datetime: record.at });
  const at = element("td", null, { "data-name": "Time" });
  at.append(time);
  row.append(
    element("th", record.sequence, { scope: "row" }),
    at,
    element("td", KINDS[record.type] || record.type, { "data-name": "Kind" }),
    element("td", record.source, { "data-name": "Source" }),
    element("td", record.customer || "–", { "data-name": "Customer" }),
    element("td", record.amount || "–", { class: "number", "data-name": "Amount" }),
  );
  return row;
}

function showRecent() {
  const key = JSON.stringify(status.recent);
  const body = byId("recent");
  if (body.dataset.key === key) return;
  body.dataset.key = key;
  const rows = status.recent.map(recentRow);
  newestShown = status.recent.reduce((newest, record) => Math.max(newest, record.sequence), newestShown || 0);
  body.replaceChildren(...(rows.length > 0 ? rows : [emptyRow(6, "No record yet.")]));
}

function showLive() {
  const stale = !connected || Date.now() - heardAt > SILENCE_MS;
  document.body.dataset.stale = String(heardAt > 0 && stale);
  const value = heardAt === 0 ? (connected ? "waiting" : "lost") : stale ? "lost" : "live";
  state("live", value);
  const words = { waiting: "connecting…", lost: "connection lost, trying again", live: "live" };
  say("live-words", words[value]);
  // Beside the words and not read out: it changes every second.
  const since = stale ? `${span((Date.now() - heardAt) / 1000)} ago` : new Date(heardAt).toLocaleTimeString();
  say("live-time", heardAt === 0 ? "" : `· last update ${since}`);
}

function show() {
  const { org, store, id } = status.gateway;
  say("gateway", `store ${store} · ${org} · ${id}`);
  document.title = `${status.readiness.ready ? "" : "⚠ "}${store} · tillgate`;
  showHeadline();
  showFigures();
  showSources();
  showRecent();
  say("version", `tillgate ${status.version} · up for ${span((gatewayNow() - Date.parse(status.started_at)) / 1000)}`);
}

const events = new EventSource("/v1/events");
connected = true;
events.addEventListener("open", () => {
  connected = true;
});
events.addEventListener("error", () => {
  connected = false;
  showLive();
  // A browser gives up for good after an answer such as 401 or 503: the page tries again itself.
  if (events.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 10000);
});
events.addEventListener("status", (event) => {
  status = JSON.parse(event.data);
  heardAt = Date.now();
  connected = true;
  show();
  showLive();
});
setInterval(() => {
  showLive();
  // Ages grow while nothing else changes.
  if (status && document.body.dataset.stale === "false") show();
}, 1000);
