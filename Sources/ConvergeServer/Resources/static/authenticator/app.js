// The Converge app: accounts with their codes, and what their owner is asked to approve.
import * as store from "./store.js";
import * as codes from "./codes.js";
import * as server from "./server.js";

const find = (id) => document.getElementById(id);
const say = (word) => document.querySelector(`[data-say="${CSS.escape(word)}"]`)?.textContent ?? word;
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const heading = document.querySelector("h1");
const title = heading.textContent;
const keptCode = find("kept-code").textContent;

let accounts = [];
// What is asked now: the account, and the request as the server put it.
let asked = null;
// What of it was answered here, so that it does not come back while the server is told.
const answered = new Set();
let view = "accounts";
let offeredPush = null;
// Asked for another address already: once as long as the app is open, should the push service refuse that one, too.
let renewed = false;

// --- what is shown

function tell(word) {
  find("said").querySelector("span").textContent = word ? say(word) : "";
  find("said").hidden = !word;
}

function show(name) {
  view = name;
  for (const part of ["install", "ask", "accounts", "add"]) find(part).hidden = part !== name;
  heading.textContent = name === "ask" ? say(`ask.${asked.request.purpose}`) : title;
  find("do-back").hidden = accounts.length === 0;
}

function rows() {
  const template = find("account");
  find("rows").replaceChildren(
    ...accounts.map((account) => {
      const row = template.content.cloneNode(true).firstElementChild;
      row.dataset.credential = account.credential;
      row.querySelector('[data-slot="name"]').textContent = account.name;
      row.querySelector('[data-slot="organisation"]').textContent = account.organisation;
      row.querySelector("button").addEventListener("click", () => remove(account, ""));
      return row;
    })
  );
}

async function tick() {
  for (const account of accounts) {
    const row = document.querySelector(`[data-credential="${CSS.escape(account.credential)}"]`);
    if (!row) continue;
    const now = Date.now() + account.offset;
    const code = await codes.code(account.codes, now);
    row.querySelector('[data-slot="code"]').textContent = `${code.slice(0, 3)} ${code.slice(3)}`;
    row.querySelector('[data-slot="left"]').textContent = say("left").replace("{}", String(codes.left(now)));
  }
}

function ask(account, request) {
  if (asked?.request.challenge === request.challenge) return;
  asked = { account, request };
  const fill = (slot, words) => (find("ask").querySelector(`[data-slot="${slot}"]`).textContent = words);
  fill("name", account.name);
  fill("application", request.application);
  fill("network", request.network || say("unknown"));
  fill("browser", [request.browser || say("unknown"), say(request.known ? "known" : "new")].join(", "));
  find("number").value = "";
  find("number-error").hidden = true;
  find("number").removeAttribute("aria-invalid");
  show("ask");
  find("number").focus();
}

// Nothing is asked of this account any more.
function unask(account) {
  if (asked?.account !== account) return;
  asked = null;
  if (view === "ask") show("accounts");
}

// --- answers

async function decide(decision) {
  const { account, request } = asked;
  const number = decision === "approve" ? find("number").value.trim() : "";
  const missing = decision === "approve" && !/^\d\d$/.test(number);
  find("number-error").hidden = !missing;
  if (missing) {
    find("number").setAttribute("aria-invalid", "true");
    return find("number").focus();
  }
  let word;
  try {
    const code = request.first ? await codes.code(account.codes, Date.now() + account.offset) : "";
    word = (await server.answer(account, request, decision, number, code)).outcome;
  } catch (problem) {
    word = problem instanceof server.Refused ? problem.problem : "unreachable";
    if (!["decided", "late", "foreign", "gone", "suspended", "replaced"].includes(word)) return tell(word);
  }
  answered.add(request.challenge);
  unask(account);
  tell(word);
}

// --- asking the server, as long as somebody looks

async function watch(account) {
  let seen = "", first = true;
  while (accounts.includes(account)) {
    if (document.hidden) {
      await new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
      continue;
    }
    try {
      const before = account.offset, pushed = account.pushed;
      const told = await server.poll(account, seen, !first);
      first = false;
      find("offline").hidden = true;
      account.offset = told.now - Date.now();
      account.name = told.name;
      if (pushed && !told.subscribed && !renewed) await renew();
      offer(told.push);
      if (Math.abs(account.offset - before) > 2000) {
        await store.keep(account);
        // What is asked now may be answered with a code: never with one of the wrong clock.
        await tick();
      }
      seen = told.requests.map((request) => request.challenge).join(" ");
      const open = told.requests.find((request) => !answered.has(request.challenge));
      if (open) {
        if (asked?.request.challenge !== open.challenge && view !== "ask") tell("");
        ask(account, open);
      } else {
        unask(account);
      }
      await pause(300);
    } catch (problem) {
      if (problem instanceof server.Refused && problem.problem === "gone") return remove(account, "gone");
      if (problem instanceof server.Refused) tell(problem.problem);
      else find("offline").hidden = false;
      await pause(2000);
    }
  }
}

async function remove(account, word) {
  unask(account);
  accounts = accounts.filter((other) => other !== account);
  await store.forget(account.credential);
  rows();
  tell(word);
  begin();
}

// --- a new account

async function connect(typed) {
  const code = typed.toUpperCase().replace(/[^0-9A-Z]/g, "");
  if (code.length !== 8) return tell("code");
  const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);
  try {
    const told = await server.activate(code, pair);
    const account = {
      credential: told.credential,
      person: told.person,
      name: told.name,
      organisation: told.organisation,
      key: pair.privateKey,
      codes: await codes.importKey(told.secret),
      offset: told.now - Date.now(),
    };
    await store.keep(account);
    accounts.push(account);
    find("code").value = "";
    rows();
    await tick();
    show("accounts");
    tell("connected");
    offer(told.push);
    watch(account);
  } catch (problem) {
    tell(problem instanceof server.Refused ? problem.problem : "unreachable");
  }
}

const codeIn = (words) => new URL(words, location.origin).hash.match(/^#add=([0-9A-Za-z-]+)$/)?.[1] ?? null;

// Reads the other screen, where the browser can.
async function scan() {
  const camera = find("camera"), button = find("do-scan");
  if (!camera.hidden) return stop();
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    find("scan").hidden = true;
    return find("code").focus();
  }
  camera.srcObject = stream;
  camera.hidden = false;
  button.textContent = say("stop");
  await camera.play();
  const detector = new BarcodeDetector({ formats: ["qr_code"] });
  while (!camera.hidden) {
    const found = await detector.detect(camera).catch(() => []);
    const code = found.map((item) => codeIn(item.rawValue)).find(Boolean);
    if (code) {
      stop();
      return connect(code);
    }
    await pause(200);
  }
}

function stop() {
  for (const track of find("camera").srcObject?.getTracks() ?? []) track.stop();
  find("camera").hidden = true;
  find("do-scan").textContent = say("scan");
}

// --- push

function offer(key) {
  offeredPush = key ?? null;
  find("notify").hidden = !(offeredPush && "PushManager" in window && "Notification" in window && Notification.permission === "default");
  if (offeredPush && "Notification" in window && Notification.permission === "granted") subscribe();
}

// The push service did not know this device any more. All accounts share one address.
async function renew() {
  renewed = true;
  for (const account of accounts) account.pushed = null;
  const registration = await navigator.serviceWorker.ready;
  await (await registration.pushManager.getSubscription())?.unsubscribe().catch(() => {});
}

async function subscribe() {
  const due = accounts.filter((account) => account.pushed !== offeredPush);
  if (!due.length) return;
  try {
    const registration = await navigator.serviceWorker.ready;
    const subscription =
      (await registration.pushManager.getSubscription()) ??
      (await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: server.fromBase64url(offeredPush) }));
    const key = server.base64url(subscription.getKey("p256dh")), secret = server.base64url(subscription.getKey("auth"));
    for (const account of due) {
      await server.subscribe(account, subscription.endpoint, key, secret);
      account.pushed = offeredPush;
      await store.keep(account);
    }
  } catch (problem) {
    // No push service is reached: the app asks by itself.
    if (problem instanceof server.Refused) tell(problem.problem);
  }
}

// --- installation

const isInstalled = () => matchMedia("(display-mode: standalone)").matches || navigator.standalone === true;
const system = () =>
  /iPhone|iPad/.test(navigator.userAgent) || (/Mac OS/.test(navigator.userAgent) && navigator.maxTouchPoints > 1)
    ? "apple"
    : /Mac OS.*Safari/.test(navigator.userAgent) && !/Chrom|Edg|OPR/.test(navigator.userAgent)
      ? "safari"
      : /Android/.test(navigator.userAgent) ? "android" : "desktop";

function explain(code) {
  for (const part of document.querySelectorAll("[data-system]")) part.hidden = part.dataset.system !== system();
  // There the browser and the app keep what they know apart: a key made here would be lost.
  find("use-here").hidden = ["apple", "safari"].includes(system());
  if (code) {
    find("kept-code").textContent = keptCode.replace("{}", code);
    find("kept-code").hidden = false;
  }
  show("install");
}

addEventListener("beforeinstallprompt", (event) => {
  event.preventDefault();
  find("do-install").hidden = false;
  find("do-install").onclick = () => event.prompt();
});

// --- the beginning

// A code that came with the address: scanned by the phone's own camera, or opened while the app was open already.
function codeOfAddress() {
  const code = codeIn(location.href);
  if (location.hash) history.replaceState(null, "", location.pathname);
  return code;
}

function begin(code) {
  if (accounts.length && !code) return show("accounts");
  if (!accounts.length && !isInstalled() && !sessionStorage.getItem("here")) return explain(code);
  if (code) find("code").value = code;
  show("add");
}

async function keepAtHand() {
  const own = ["/authenticator", "app.js", "store.js", "codes.js", "server.js", "icon-192.png"].map((name) =>
    name.startsWith("/") ? name : `/authenticator/${name}`
  );
  const others = [...document.querySelectorAll("link[rel=stylesheet], link[rel=icon], script[src]")].map((part) => part.href ?? part.src);
  const icons = [...document.querySelectorAll("use")].map((part) => part.getAttribute("href").split("#")[0]);
  const wanted = [...new Set([...own, ...others, ...icons].map((path) => new URL(path, location.origin).href))];
  const shelf = await caches.open("authenticator");
  for (const kept of await shelf.keys()) if (!wanted.includes(kept.url)) await shelf.delete(kept);
  await shelf.addAll(wanted);
}

async function start() {
  if (!globalThis.isSecureContext || !crypto.subtle || !globalThis.indexedDB) return tell("unsupported");
  let code = codeOfAddress();
  addEventListener("hashchange", () => begin((code = codeOfAddress() ?? code)));
  accounts = await store.all();
  find("scan").hidden = !("BarcodeDetector" in window && navigator.mediaDevices);
  find("do-scan").addEventListener("click", scan);
  find("do-add").addEventListener("click", () => (tell(""), show("add"), find("code").focus()));
  find("do-back").addEventListener("click", () => (stop(), tell(""), show("accounts")));
  find("use-here").addEventListener("click", () => {
    sessionStorage.setItem("here", "yes");
    begin(code);
  });
  find("do-notify").addEventListener("click", async () => {
    await Notification.requestPermission();
    offer(offeredPush);
  });
  find("connect").addEventListener("submit", (event) => {
    event.preventDefault();
    connect(find("code").value);
  });
  find("answer").addEventListener("submit", (event) => {
    event.preventDefault();
    decide("approve");
  });
  for (const button of document.querySelectorAll("[data-decision]")) {
    button.addEventListener("click", () => decide(button.dataset.decision));
  }
  rows();
  await tick();
  setInterval(tick, 1000);
  begin(code);
  for (const account of accounts) watch(account);
  navigator.storage?.persist?.();
  if ("serviceWorker" in navigator) {
    await navigator.serviceWorker.register("/authenticator/worker.js", { scope: "/authenticator" });
    await keepAtHand().catch(() => {});
  }
}

start();
