// What moves on the page. Everything else is there without it.
"use strict";

const clip = document.getElementById("clip");
const joint = document.getElementById("joint");

// Show the chosen recording, and the line of the chosen joint in it; the address says both.
function showTrack() {
  for (const figure of document.querySelectorAll("figure.clip")) {
    figure.hidden = figure.dataset.clip !== clip.value;
    if (figure.hidden) continue;
    const data = JSON.parse(figure.querySelector("script").textContent);
    const errors = joint.value === "" ? [] : data.mm[joint.value];
    const places = errors.map((mm, i) => `${data.u[i]} ${Math.max(data.top, data.zero - mm * data.px_per_mm).toFixed(1)}`);
    figure.querySelector(".chosen").setAttribute("d", places.length ? `M${places.join("L")}` : "");
  }
}

function choose() {
  history.replaceState(null, "", `#recording=${clip.value}&joint=${joint.value}`);
  showTrack();
}

function readAddress() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  for (const [name, list] of [["recording", clip], ["joint", joint]]) {
    const value = wanted.get(name);
    if (value !== null && [...list.options].some((option) => option.value === value)) list.value = value;
  }
  showTrack();
}

// Turn a skeleton; the same projection as `scene.turned`.
function drawScene(svg, scene) {
  const yaw = (scene.yaw * Math.PI) / 180;
  const pitch = (scene.pitch * Math.PI) / 180;
  const { width, height } = svg.viewBox.baseVal;
  const places = scene.points.map(([x, y, z]) => {
    const towards = x * Math.cos(yaw) + y * Math.sin(yaw);
    const right = -x * Math.sin(yaw) + y * Math.cos(yaw);
    return [width / 2 + right, height / 2 - z * Math.cos(pitch) + towards * Math.sin(pitch)];
  });
  for (const line of svg.querySelectorAll("line")) {
    const [a, b] = [places[line.dataset.a], places[line.dataset.b]];
    line.setAttribute("x1", a[0].toFixed(1));
    line.setAttribute("y1", a[1].toFixed(1));
    line.setAttribute("x2", b[0].toFixed(1));
    line.setAttribute("y2", b[1].toFixed(1));
  }
}

function makeTurnable(svg) {
  const scene = JSON.parse(svg.dataset.scene);
  let last = null;
  svg.addEventListener("pointerdown", (event) => {
    last = [event.clientX, event.clientY];
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointerup", () => { last = null; });
  svg.addEventListener("pointercancel", () => { last = null; });
  svg.addEventListener("pointermove", (event) => {
    if (last === null) return;
    scene.yaw -= 0.5 * (event.clientX - last[0]);
    scene.pitch = Math.max(-89, Math.min(89, scene.pitch + 0.5 * (event.clientY - last[1])));
    last = [event.clientX, event.clientY];
    drawScene(svg, scene);
  });
}

clip.addEventListener("change", choose);
joint.addEventListener("change", choose);
window.addEventListener("hashchange", readAddress);
readAddress();
document.querySelectorAll("svg.scene").forEach(makeTurnable);
