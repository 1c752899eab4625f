"use strict";
// The drawings in the page are there without any script. This one puts Vega's own in their place,
// with the same specifications, so that a pointer or a tap shows what a mark stands for.
(() => {
  const plots = [...document.querySelectorAll(".plot")];
  const box = document.getElementById("vega");
  if (!plots.length || !box || !window.DecompressionStream || !window.IntersectionObserver) return;

  async function unpacked() {
    const packed = Uint8Array.from(atob(box.textContent.trim()), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  }

  let loading;
  function loaded() {
    loading ??= unpacked().then((text) => {
      const script = document.createElement("script");
      script.textContent = text;  // the page's policy has its hash, and runs nothing else
      document.head.append(script);
      return window.vegaEmbed;
    });
    return loading;
  }

  const options = {
    renderer: "svg",
    logLevel: 1,          // errors alone
    mode: "vega-lite",
    actions: false,
    ast: true,            // no code is made of expressions: the policy would not let it run
    defaultStyle: false,
    tooltip: { disableDefaultStyle: true },
  };

  // The specifications let texts be as long as they are; here they leave room for what is drawn.
  function limit(config) {
    Object.assign(config.axis, { labelLimit: 230, titleLimit: 400 });
    config.legend.labelLimit = 230;
  }

  // On a phone, legends stand below each other, and texts begin at the left end.
  function narrow(config, width) {
    const layout = { top: { direction: "vertical", anchor: "start", bounds: "full" } };
    Object.assign(config.legend, { columns: 1, labelLimit: width - 150, layout });
    Object.assign(config.title, { frame: "bounds", limit: width });
  }

  const drawings = new Map();

  async function draw(plot) {
    const width = Math.floor(plot.clientWidth);
    const drawn = drawings.get(plot);
    if (!width || drawn?.width === width) return;
    drawings.set(plot, { width });
    const embed = await loaded();
    const specification = JSON.parse(plot.querySelector("script").textContent);
    specification.width = width;
    limit(specification.config);
    if (width < 420) narrow(specification.config, width);
    const target = document.createElement("div");
    target.className = "live";
    target.setAttribute("aria-hidden", "true");
    target.style.visibility = "hidden";
    target.style.position = "absolute";
    plot.append(target);
    try {
      const result = await embed(target, specification, options);
      drawn?.result?.finalize();
      plot.querySelectorAll(":scope > svg, .live").forEach((old) => old !== target && old.remove());
      target.removeAttribute("style");
      drawings.set(plot, { width, result });
    } catch (error) {
      target.remove();  // the drawing that was there before stays
      console.error(error);
    }
  }

  const seen = new IntersectionObserver(
    (entries) => entries.filter((e) => e.isIntersecting).forEach((e) => draw(e.target)),
    { rootMargin: "400px" },
  );
  plots.forEach((plot) => seen.observe(plot));

  let pause;
  window.addEventListener("resize", () => {
    clearTimeout(pause);
    pause = setTimeout(() => [...drawings.keys()].forEach(draw), 200);
  });
})();
