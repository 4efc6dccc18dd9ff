// Shows the values under the pointer in the charts over time.
const tip = document.getElementById("tip");
for (const svg of document.querySelectorAll("svg.time")) {
  const plot = JSON.parse(svg.dataset.plot), hair = svg.querySelector(".hair");
  const hide = () => { tip.style.display = "none"; hair.style.visibility = "hidden"; };
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) * plot.width / box.width;
    const s = (x - plot.left) / (plot.right - plot.left) * plot.seconds;
    if (s < 0 || s > plot.seconds) return hide();
    const lines = [s.toFixed(2) + " s"];
    for (const { name, at } of plot.series) {
      let best = null;
      for (const point of at)
        if (!best || Math.abs(point[0] - s) < Math.abs(best[0] - s)) best = point;
      if (best && Math.abs(best[0] - s) < 0.5) lines.push(`${name}  ${best[1]} ${plot.unit}`);
    }
    tip.textContent = lines.join("\n");
    tip.style.display = "block";
    const left = event.clientX + 14 + tip.offsetWidth > innerWidth
      ? event.clientX - 14 - tip.offsetWidth : event.clientX + 14;
    tip.style.left = left + "px";
    tip.style.top = event.clientY + 14 + "px";
    hair.setAttribute("x1", x);
    hair.setAttribute("x2", x);
    hair.style.visibility = "visible";
  });
}
