// While jobs run, requests and shows the list of jobs every second or so; when one ends, the whole page.
// Without this script the page shows the state in which it was requested.
import { replaceSection } from "./replace-section.js";

const INTERVAL = 1500;  // milliseconds
const LISTED_JOBS = 8;
const jobs = () => document.getElementById("jobs");
const runningJobs = (section) => section.dataset.running.split(" ").filter(Boolean);
let timer = 0;

async function fetchPage(address) {
  const response = await fetch(address, { headers: { Accept: "text/html" } });
  if (!response.ok) throw new Error(response.statusText);
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

async function update() {
  timer = 0;
  if (document.hidden) return;  // continues when the page is visible again
  try {
    const before = runningJobs(jobs());
    const section = (await fetchPage(jobs().dataset.address)).getElementById("jobs");
    const ended = before.filter((job) => !runningJobs(section).includes(job));
    if (ended.length) {
      replaceSection("sections", await fetchPage(location.pathname));
      announce(ended);
    } else {
      replaceSection("jobs", { getElementById: () => shorten(section, jobs()) });
    }
  } catch {
    // the server does not answer now: try again
  }
  schedule();
}

// The page of jobs lists more of them than this page.
function shorten(section, shown) {
  const limit = Math.max(shown.querySelectorAll(".job").length, runningJobs(section).length, LISTED_JOBS);
  for (const job of [...section.querySelectorAll(".job")].slice(limit)) job.remove();
  const older = shown.querySelector(":scope > p a");
  const link = section.querySelector(":scope > p");
  if (link && older) link.replaceWith(older.parentElement.cloneNode(true));
  return section;
}

function announce(ended) {
  const texts = ended.map((job) => {
    const state = document.querySelector(`#job-${job} .tag`);
    return state ? `Job ${job} ${state.textContent}.` : "";
  });
  document.getElementById("notice").textContent = texts.join(" ");
}

function schedule() {
  if (!timer && runningJobs(jobs()).length) timer = setTimeout(update, INTERVAL);
}

document.addEventListener("visibilitychange", schedule);
schedule();
