(() => {
  const box = document.getElementById("NAME");
  const [slider, shown, said] = box.querySelectorAll("input, output, .said");
  const cells = [...box.querySelectorAll("td")];
  const show = () => {
    cells.forEach((cell) => cell.classList.toggle("now", cell.dataset.at === slider.value));
    shown.value = box.querySelectorAll("thead th")[Number(slider.value) + 1].dataset.ratio;
    slider.setAttribute("aria-valuetext", shown.value);
  };
  const say = () => {
    said.textContent = [...box.querySelectorAll("td.now")].map((cell) => cell.dataset.said).join(", ");
  };
  slider.addEventListener("input", show);
  slider.addEventListener("change", say);
  box.querySelector(".move").hidden = false;
  box.classList.add("live");
  show();
})();
