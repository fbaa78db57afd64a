// Evaluated in a page by checks.py: the list of its layout and markup faults, empty when there are none.
() => {
    const faults = [];
    const width = document.documentElement.clientWidth;
    // Kept out on purpose: the inside of pictures, text for screen readers only, the "skip to content" link.
    const leftOut = ".skip, .sr, svg";
    const name = (element) => {
        const of = element.tagName.toLowerCase();
        const id = element.id ? "#" + element.id : "";
        const classes = typeof element.className === "string" && element.className ? "." + element.className.trim().split(/\s+/).join(".") : "";
        const words = (element.textContent || element.getAttribute("aria-label") || "").trim().replace(/\s+/g, " ").slice(0, 30);
        return `<${of}${id}${classes}>` + (words ? ` "${words}"` : "");
    };

    // Layout: nothing past the edge, nothing larger than what holds it.
    if (document.documentElement.scrollWidth > width) {
        faults.push(`the page scrolls sideways: ${document.documentElement.scrollWidth} px in ${width} px`);
    }
    for (const element of document.querySelectorAll("body *")) {
        if (element.closest(leftOut)) continue;
        const style = getComputedStyle(element);
        const box = element.getBoundingClientRect();
        if (box.width && box.right > width + 1 && style.position !== "fixed") {
            faults.push(`past the edge: ${name(element)} ends at ${Math.round(box.right)} of ${width} px`);
        }
        let overflow = element.clientWidth > 0 ? element.scrollWidth - element.clientWidth : 0;
        if (overflow > 1) {
            // Hung out on purpose by a negative margin (a quiet button whose words, not its edge, stand in line).
            overflow -= Math.max(0, ...Array.from(element.querySelectorAll("*"), (inner) => -parseFloat(getComputedStyle(inner).marginInlineEnd) || 0));
        }
        if (overflow > 1 && style.overflowX === "visible" && style.display !== "inline" && !element.closest("thead")) {
            faults.push(`too narrow for its content: ${name(element)} has ${element.clientWidth} of ${element.scrollWidth} px`);
        }
    }

    // Targets: 44 px either way. A control inside its label is as large as the label; a link within a sentence is text;
    // a link that is stretched over its row (::after) is as large as the row.
    for (const element of document.querySelectorAll("a[href], button, input, select, textarea, summary")) {
        if (element.closest(leftOut)) continue;
        const style = getComputedStyle(element);
        if (element.tagName === "A" && style.display === "inline") continue;
        if (getComputedStyle(element, "::after").position === "absolute" && element.closest("li")) continue;
        const box = (element.closest("label") || element).getBoundingClientRect();
        if (box.width && (box.height < 43.5 || box.width < 43.5)) {
            faults.push(`smaller than 44 px: ${name(element)} is ${Math.round(box.width)} x ${Math.round(box.height)}`);
        }
    }

    // Sentences: a gap or a sentence that does not exist shows in these brackets.
    for (const found of document.body.innerText.matchAll(/⟦[^⟧]*⟧/g)) faults.push(`a sentence is missing: ${found[0]}`);
    if (document.title.includes("⟦")) faults.push(`a sentence is missing: ${document.title}`);

    // Markup: what every page has, and what the content security policy would stop.
    const headings = document.querySelectorAll("h1");
    if (headings.length !== 1) faults.push(`${headings.length} h1 headings instead of one`);
    for (const heading of headings) if (!heading.textContent.trim()) faults.push("an empty h1 heading");
    if (!document.title.trim()) faults.push("no title");
    if (!document.documentElement.lang) faults.push("no language on <html>");
    for (const element of document.querySelectorAll("style")) faults.push(`inline style: <style> in ${name(element.parentElement).split(" ")[0]}`);
    for (const element of document.querySelectorAll("script:not([src])")) {
        const data = /json/.test(element.type) && element.type !== "importmap";
        if (!data) faults.push("inline script: <script> without src");
    }
    for (const element of document.querySelectorAll("*")) {
        for (const attribute of element.attributes) {
            if (attribute.name === "style") faults.push(`inline style: ${name(element)} style="${attribute.value}"`);
            if (/^on/.test(attribute.name)) faults.push(`inline script: ${name(element)} ${attribute.name}="${attribute.value}"`);
            if (/^(href|action|formaction|src)$/.test(attribute.name) && /^\s*javascript:/i.test(attribute.value)) {
                faults.push(`inline script: ${name(element)} ${attribute.name}="${attribute.value}"`);
            }
        }
    }
    const seen = new Set();
    for (const element of document.querySelectorAll("[id]")) {
        if (seen.has(element.id)) faults.push(`the id "${element.id}" is used twice`);
        seen.add(element.id);
    }
    return faults;
}
