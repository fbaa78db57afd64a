// Tells what a call is doing while it happens. Without this, the button on the page does.
const waiting = document.querySelector("[data-poll]");
const late = document.querySelector("[data-after]");
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

// Help is offered after a while, not at once.
if (late) {
  late.hidden = true;
  pause(Number(late.dataset.after)).then(() => (late.hidden = false));
}

async function look() {
  const answer = await fetch(`${waiting.dataset.poll}?seen=${encodeURIComponent(waiting.dataset.seen)}`);
  return answer.ok ? answer.json() : { over: true };
}

async function watch() {
  const words = waiting.querySelector("[role=status]");
  for (;;) {
    let now;
    try {
      now = await look();
    } catch {
      await pause(2000);
      continue;
    }
    if (now.approved) return document.querySelector("#answer").requestSubmit();
    if (now.over) return location.reload();
    if (now.seen !== waiting.dataset.seen) {
      waiting.dataset.seen = now.seen;
      words.textContent = now.words;
    }
    await pause(200);
  }
}

if (waiting?.dataset.poll) watch();
