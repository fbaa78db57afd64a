// Ceremonies with passkeys: the page says what to ask the browser for, the form carries back what came of it. What went wrong goes
// back too, by one word; the server has the sentence.
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  btoa(Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join(""))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const known = (list) => list.map((one) => ({ ...one, id: bytes(one.id) }));
const problems = {
  InvalidStateError: "held", NotSupportedError: "unsupported", ConstraintError: "unsupported", SecurityError: "elsewhere",
};
let waiting; // The offer beside the name, which ends when a button asks.

async function create(options) {
  const made = await navigator.credentials.create({
    publicKey: {
      ...options, challenge: bytes(options.challenge), user: { ...options.user, id: bytes(options.user.id) },
      excludeCredentials: known(options.excludeCredentials),
    },
  });
  const answer = made.response;
  return {
    id: text(made.rawId), clientData: text(answer.clientDataJSON), attestation: text(answer.attestationObject),
    transports: answer.getTransports?.().join(",") ?? "",
  };
}

async function use(options, more = {}) {
  const used = await navigator.credentials.get({
    publicKey: { ...options, challenge: bytes(options.challenge), allowCredentials: known(options.allowCredentials) }, ...more,
  });
  const answer = used.response;
  return {
    id: text(used.rawId), clientData: text(answer.clientDataJSON), authenticatorData: text(answer.authenticatorData),
    signature: text(answer.signature), userHandle: answer.userHandle ? text(answer.userHandle) : "",
  };
}

function send(form, fields) {
  for (const [name, value] of Object.entries(fields)) form.elements[name].value = value;
  form.submit();
}

function serve(form) {
  const options = JSON.parse(form.dataset.options), button = form.querySelector("[data-passkey-start]");
  const status = form.querySelector("[data-passkey-waiting]");
  // What is said where no script runs, or where this one could not be fetched.
  form.querySelector("[data-passkey-scriptless]")?.remove();
  if (!window.PublicKeyCredential) {
    form.querySelector("[data-passkey-missing]")?.removeAttribute("hidden");
    return;
  }
  button.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (form.dataset.asking) return;
    form.dataset.asking = "yes";
    button.setAttribute("aria-busy", "true");
    status.hidden = false;
    waiting?.abort();
    try {
      send(form, await (form.dataset.passkey === "create" ? create(options) : use(options)));
    } catch (error) {
      send(form, { problem: problems[error.name] ?? "cancelled" });
    }
  });
  if (form.dataset.passkey === "sign-in") offer(form, options);
}

// Beside the names that the browser remembers. Nothing is said where nothing comes of it.
async function offer(form, options) {
  if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
  waiting = new AbortController();
  try {
    send(form, await use(options, { mediation: "conditional", signal: waiting.signal }));
  } catch {}
}

for (const form of document.querySelectorAll("form[data-passkey]")) serve(form);

// Back from the browser's cache, it can be asked again.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
