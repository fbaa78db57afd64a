// What the app asks and tells the server. Every request is signed with a key that never leaves this device.
const text = new TextEncoder();

// Each field behind its length, so that what is signed can be read in one way only.
const signable = (fields) => text.encode(fields.map((field) => `${text.encode(field).length}:${field},`).join(""));

export const base64url = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

export const fromBase64url = (words) =>
  Uint8Array.from(atob(words.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));

const sign = async (key, fields) =>
  base64url(await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, signable(fields)));

// The server said no; `problem` is its word for why.
export class Refused extends Error {
  constructor(problem, now) {
    super(problem);
    this.problem = problem;
    this.now = now;
  }
}

// There is no server to be reached.
export class Unreachable extends Error {}

async function post(path, fields) {
  let answer, told;
  try {
    answer = await fetch(`/authenticator/${path}`, { method: "POST", body: new URLSearchParams(fields) });
    told = await answer.json();
  } catch {
    throw new Unreachable();
  }
  if (!answer.ok) throw new Refused(told.problem, told.now);
  return told;
}

// A clock that is wrong is set right by the server's, here and for this app alone.
async function timed(account, path, make) {
  for (let again = false; ; again = true) {
    const time = String(Date.now() + account.offset);
    try {
      return await post(path, await make(time));
    } catch (problem) {
      if (!(problem instanceof Refused) || problem.problem !== "clock" || again) throw problem;
      account.offset = problem.now - Date.now();
    }
  }
}

export async function activate(code, pair) {
  const key = base64url(await crypto.subtle.exportKey("raw", pair.publicKey));
  const time = String(Date.now());
  const signature = await sign(pair.privateKey, ["converge-activate-1", code, location.origin, time, key]);
  return post("activate", { code, key, time, signature });
}

export const poll = (account, seen, wait) =>
  timed(account, "poll", async (time) => ({
    credential: account.credential,
    time,
    seen,
    wait: wait ? "yes" : "no",
    signature: await sign(account.key, ["converge-poll-1", account.credential, location.origin, time]),
  }));

export async function answer(account, asked, decision, number, code) {
  const signature = await sign(account.key, [
    "converge-approval-1", asked.challenge, account.person, account.credential, location.origin, asked.application, number, decision,
    String(asked.until),
  ]);
  return post("answer", { credential: account.credential, challenge: asked.challenge, decision, number, code, signature });
}

export const subscribe = (account, endpoint, p256dh, auth) =>
  timed(account, "subscribe", async (time) => ({
    credential: account.credential,
    time,
    endpoint,
    p256dh,
    auth,
    signature: await sign(account.key, ["converge-subscribe-1", account.credential, location.origin, time, endpoint, p256dh, auth]),
  }));
