'use strict';
{
  const page = document.querySelector('[data-leave]');
  const next = new URL(page.dataset.leave, location.href);
  if (next.protocol === 'https:' || next.protocol === 'http:') {
    setTimeout(() => location.replace(next.href), Number(page.dataset.leaveAfter));
  }
}
