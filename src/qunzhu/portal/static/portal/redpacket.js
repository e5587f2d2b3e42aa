// A running packet is looked at every two seconds; the button answers at once. Works without it.
"use strict";
(() => {
  const place = document.getElementById("packet");
  if (!place) return;
  document.addEventListener("submit", (event) => {
    const button = event.target.id === "grab" && event.target.querySelector("button");
    if (!button) return;
    if (button.disabled) event.preventDefault();
    button.disabled = true;
  });
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  if (!place.dataset.live) return;
  const timer = setInterval(async () => {
    const pressed = place.querySelector("#grab button:disabled");
    if (document.hidden || pressed || place.contains(document.activeElement)) return;
    const answer = await fetch(place.dataset.live, { headers: { accept: "text/html" } }).catch(() => null);
    if (!answer || !answer.ok || place.querySelector("#grab button:disabled")) return;
    place.innerHTML = await answer.text();
    if (place.firstElementChild.dataset.running === "0") clearInterval(timer);
  }, 2000);
})();
