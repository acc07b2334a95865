package host;

import java.io.Serializable;
import java.util.AbstractMap.SimpleImmutableEntry;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A category that lets loops over collections be saved, as Jenkins lets them. */
public final class Iterators {
    private Iterators() {}

    private static final class Place<E> implements Iterator<E>, Serializable {
        private static final long serialVersionUID = 1;
        private final ArrayList<E> items;
        private int next;

        Place(Collection<E> items) {
            this.items = new ArrayList<>(items);
        }

        @Override
        public boolean hasNext() {
            return next < items.size();
        }

        @Override
        public E next() {
            return items.get(next++);
        }
    }

    public static <E> Iterator<E> iterator(List<E> items) {
        return new Place<>(items);
    }

    public static <E> Iterator<E> iterator(Set<E> items) {
        return new Place<>(items);
    }

    public static <K, V> Set<Map.Entry<K, V>> entrySet(Map<K, V> map) {
        Set<Map.Entry<K, V>> entries = new LinkedHashSet<>();
        map.forEach((key, value) -> entries.add(new SimpleImmutableEntry<>(key, value)));
        return entries;
    }

    public static <K> Set<K> keySet(Map<K, ?> map) {
        return new LinkedHashSet<>(map.keySet());
    }

    public static <V> Collection<V> values(Map<?, V> map) {
        return new ArrayList<>(map.values());
    }
}
