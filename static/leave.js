// Goes where the document says: to the shop, or back to a waiting page. Out of a
// frame only by the top window; where the browser refuses that, the link stays.
'use strict';
{
  const page = document.querySelector('[data-leave]');
  const next = new URL(page.dataset.leave, location.href);
  const go = () => {
    if (parent === self || next.origin === location.origin) {
      location.replace(next.href);
      return;
    }
    try {
      top.location.replace(next.href);
    } catch {
      page.querySelector('a').focus();
    }
  };
  if (next.protocol === 'https:' || next.protocol === 'http:') setTimeout(go, Number(page.dataset.leaveAfter));
}
