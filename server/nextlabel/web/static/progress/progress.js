// While something runs, asks for the jobs every second or so and shows them; once one ends, for
// the whole page. Without this file the page is the same, as it was when it was asked for.
import { exchange } from "./exchange.js";

const PAUSE = 1500;
const jobs = () => document.getElementById("jobs");
const running = (section) => section.dataset.running.split(" ").filter(Boolean);
let timer = 0;

async function page(address) {
  const response = await fetch(address, { headers: { Accept: "text/html" } });
  if (!response.ok) throw new Error(response.statusText);
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

async function look() {
  timer = 0;
  if (document.hidden) return;  // it goes on when the page is seen again
  try {
    const before = running(jobs());
    const fresh = (await page(jobs().dataset.address)).getElementById("jobs");
    const ended = before.filter((job) => !running(fresh).includes(job));
    if (ended.length) {
      exchange("told", await page(location.pathname));
      tell(ended);
    } else {
      exchange("jobs", { getElementById: () => first(fresh, jobs()) });
    }
  } catch {
    // the server is away: ask again, it may be back
  }
  wait();
}

// the page of jobs shows more of them than this one
function first(fresh, shown) {
  const most = Math.max(shown.querySelectorAll(".job").length, running(fresh).length, 8);
  for (const job of [...fresh.querySelectorAll(".job")].slice(most)) job.remove();
  const older = shown.querySelector(":scope > p a");
  const link = fresh.querySelector(":scope > p");
  if (link && older) link.replaceWith(older.parentElement.cloneNode(true));
  return fresh;
}

function tell(ended) {
  const said = ended.map((job) => {
    const shown = document.querySelector(`#job-${job} .tag`);
    return shown ? `Job ${job} ${shown.textContent}.` : "";
  });
  document.getElementById("said").textContent = said.join(" ");
}

function wait() {
  if (!timer && running(jobs()).length) timer = setTimeout(look, PAUSE);
}

document.addEventListener("visibilitychange", wait);
wait();
